// The Socket.IO server of the delivery benchmark. It broadcasts when told, and tells the CPU time it has used.
const { createServer } = require('node:http');
const { Server } = require('socket.io');

function createAdapter() {
  switch (process.env.VARIANT) {
    case 'in memory':
    case 'ready frame':
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

/** What no adapter can do without that writes through streams: each client gets a ready frame, in a system call of its own. */
let streams;
function writeFrames(pad) {
  streams ??= [...io.sockets.sockets.values()].map((socket) => socket.conn.transport.socket._socket);
  const text = `42["e","${pad}"]`;
  const header = text.length < 126 ? [0x81, text.length] : [0x81, 126, text.length >> 8, text.length & 0xff];
  const frame = Buffer.concat([Buffer.from(header), Buffer.from(text)]);
  for (const stream of streams) stream.write(frame);
}

const broadcast = process.env.VARIANT === 'ready frame' ? writeFrames : (pad) => io.to('room').emit('e', pad);

const commands = {
  cpu: () => process.cpuUsage(),
  /** Broadcasts `ticks` times `burst` messages. */
  send: async ({ ticks, burst, bytes, pauseMs }) => {
    const pad = 'x'.repeat(bytes);
    for (let tick = 0; tick < ticks; tick++) {
      for (let index = 0; index < burst; index++) broadcast(pad);
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
