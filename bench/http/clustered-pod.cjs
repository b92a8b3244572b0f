// One pod of a system that is compared: a Node cluster whose workers lift the same app.
//   PUBLIC_PORT=8000 OWN_PORT=8001 WORKERS=1 SYSTEM=cluster|sticky node clustered-pod.cjs
const cluster = require('node:cluster');
const { createServer } = require('node:http');
const { runPrimary } = require('../lib/clustered-primary.cjs');

const { PUBLIC_PORT, OWN_PORT, SYSTEM } = process.env;
const sticky = SYSTEM === 'sticky';

if (cluster.isPrimary) {
  // @socket.io/sticky sends bytes between the processes.
  if (sticky) cluster.setupPrimary({ serialization: 'advanced' });
  runPrimary({ listen });
} else {
  const sails = require('sails');
  sails.lift(
    {
      appPath: `${__dirname}/app`,
      port: Number(sticky ? OWN_PORT : PUBLIC_PORT),
      explicitHost: '127.0.0.1',
      hooks: { sockets: require('sails-hook-sockets') },
    },
    (error) => {
      if (error) throw error;
      if (sticky) require('@socket.io/sticky').setupWorker(sails.io);
      process.send('ready');
    },
  );
}

/** Plain cluster: the workers have opened the port already. */
function listen(done) {
  if (!sticky) return done();
  const server = createServer();
  require('@socket.io/sticky').setupMaster(server, { loadBalancingMethod: 'least-connection' });
  server.listen(Number(PUBLIC_PORT), '127.0.0.1', done);
}
