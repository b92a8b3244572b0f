// The Socket.IO server of the delivery benchmark. It broadcasts when told, and tells the CPU time it has used.
const { createServer } = require('node:http');
const { Server } = require('socket.io');

function createAdapter() {
  switch (process.env.VARIANT) {
    case 'in memory':
      return undefined;
    case 'cluster-adapter':
      return require('@socket.io/cluster-adapter').createAdapter();
    case 'flotilla, recovery':
      return require('../../dist/bus/create-adapter').createAdapter({ connectionStateRecovery: {} });
    default:
      return require('../../dist/bus/create-adapter').createAdapter();
  }
}

const http = createServer();
const io = new Server(http, { adapter: createAdapter(), serveClient: false });
io.on('connection', (socket) => socket.join('room'));

const commands = {
  cpu: () => process.cpuUsage(),
  /** Broadcasts `ticks` times `burst` messages. */
  send: async ({ ticks, burst, bytes, pauseMs }) => {
    const pad = 'x'.repeat(bytes);
    for (let tick = 0; tick < ticks; tick++) {
      for (let index = 0; index < burst; index++) io.to('room').emit('e', pad);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  },
};

process.on('message', async ({ bench }) => {
  if (!bench) return;
  process.send({ bench: { id: bench.id, value: await commands[bench.name](bench.args) } });
});
http.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () =>
  process.send({ bench: { id: 0, value: http.address().port } }),
);
