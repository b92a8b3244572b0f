// One Socket.IO server of the benchmark, on the adapter that VARIANT names. Driven by its primary over IPC.
const { createServer } = require('node:http');
const { Redis } = require('ioredis');
const { Server } = require('socket.io');
const { pushed } = require('./pushed.cjs');

const { VARIANT, REDIS_PORT, POD } = process.env;
const JOINS_AT_ONCE = 500;
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
  pushed,
  /** Broadcasts, so many every 20 ms; with `rooms` to that many rooms in turn, whose names are `room` and a number. */
  send: async ({ room, rooms, count, bytes, perTick = 2 }) => {
    const pad = 'x'.repeat(bytes);
    for (let index = 0; index < count; index += perTick) {
      for (let each = index; each < Math.min(index + perTick, count); each++) {
        io.to(rooms ? room + (each % rooms) : room).emit('e', { t: now(), pad });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  /** The sockets here join so many rooms, one socket each, in turn. Settles when the whole fleet knows. */
  joinRooms: async ({ room, rooms }) => {
    const sockets = [...io.sockets.sockets.values()];
    for (let first = 0; first < rooms; first += JOINS_AT_ONCE) {
      const batch = [];
      for (let index = first; index < Math.min(first + JOINS_AT_ONCE, rooms); index++) {
        batch.push(sockets[index % sockets.length].join(room + index));
      }
      await Promise.all(batch);
    }
  },
  /** So many of the sockets here join one room. */
  joinRoom: ({ room, sockets }) =>
    Promise.all([...io.sockets.sockets.values()].slice(0, sockets).map((socket) => socket.join(room))),
};

process.on('message', async ({ id, name, args }) => {
  // Frames of the adapters' own protocols come on the same channel.
  if (id === undefined || !commands[name]) return;
  const value = await commands[name](args);
  process.send({ bench: id, value: name.startsWith('join') ? true : value });
});
http.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () =>
  process.send({ bench: 0, port: http.address().port }),
);
