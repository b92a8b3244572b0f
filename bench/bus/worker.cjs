// One Socket.IO server of the benchmark, on the adapter that VARIANT names. Driven by its primary over IPC.
const { createServer } = require('node:http');
const { Redis } = require('ioredis');
const { Server } = require('socket.io');

const { VARIANT, REDIS_PORT, POD } = process.env;
const redis = () => new Redis(Number(REDIS_PORT), '127.0.0.1');

function createAdapter() {
  switch (VARIANT) {
    case 'redis-adapter':
      return require('@socket.io/redis-adapter').createAdapter(redis(), redis());
    case 'redis-adapter sharded':
      return require('@socket.io/redis-adapter').createShardedAdapter(redis(), redis(), {
        subscriptionMode: 'dynamic',
      });
    case 'redis-streams-adapter':
      return require('@socket.io/redis-streams-adapter').createAdapter(redis());
    case 'cluster-adapter':
      return require('@socket.io/cluster-adapter').createAdapter();
    default:
      return require('../../dist/bus/create-adapter').createAdapter();
  }
}

const http = createServer();
const io = new Server(http, { adapter: createAdapter(), serveClient: false });
io.on('connection', (socket) => {
  socket.join('all');
  if (POD === '0') socket.join('one');
});

/** The time on a clock that all processes of the machine share, in milliseconds with fractions. */
const now = () => performance.timeOrigin + performance.now();

const commands = {
  cpu: () => process.cpuUsage(),
  /** Broadcasts, two every 20 ms. */
  send: async ({ room, count, bytes }) => {
    const pad = 'x'.repeat(bytes);
    for (let index = 0; index < count; index += 2) {
      for (let each = index; each < Math.min(index + 2, count); each++) io.to(room).emit('e', { t: now(), pad });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
};

process.on('message', async ({ id, name, args }) => {
  // Frames of the adapters' own protocols come on the same channel.
  if (id === undefined || !commands[name]) return;
  process.send({ bench: id, value: await commands[name](args) });
});
http.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () =>
  process.send({ bench: 0, port: http.address().port }),
);
