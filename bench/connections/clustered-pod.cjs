// One pod of a system that is compared: a Node cluster whose workers share a port of this machine.
//   PUBLIC_PORT=8000 WORKERS=1 SYSTEM=sails-hook-sockets|socket.io node clustered-pod.cjs
const cluster = require('node:cluster');
const { runPrimary } = require('../lib/clustered-primary.cjs');

const { PUBLIC_PORT, SYSTEM } = process.env;

if (cluster.isPrimary) {
  runPrimary();
} else if (SYSTEM === 'socket.io') {
  const { createServer } = require('node:http');
  const { Server } = require('socket.io');
  const http = createServer();
  new Server(http, { transports: ['websocket'] });
  http.listen(Number(PUBLIC_PORT), '127.0.0.1', () => process.send('ready'));
} else {
  require('sails').lift(
    {
      appPath: `${__dirname}/app`,
      port: Number(PUBLIC_PORT),
      explicitHost: '127.0.0.1',
      hooks: { sockets: require('sails-hook-sockets') },
    },
    (error) => {
      if (error) throw error;
      process.send('ready');
    },
  );
}
