// One pod of a system that is compared: a Node cluster whose workers share a port of this machine.
//   PUBLIC_PORT=8000 WORKERS=2 SYSTEM=sails-hook-sockets|socket.io REDIS_PORT=... node clustered-pod.cjs
const cluster = require('node:cluster');
const { runPrimary } = require('../lib/clustered-primary.cjs');

const { PUBLIC_PORT, SYSTEM, REDIS_PORT } = process.env;

if (cluster.isPrimary) runPrimary();
else if (SYSTEM === 'socket.io') runSocketIo();
else runSails();

function runSails() {
  const sails = require('sails');
  sails.lift(
    {
      appPath: `${__dirname}/app`,
      port: Number(PUBLIC_PORT),
      explicitHost: '127.0.0.1',
      // Core has loaded its hooks by the time that it reads config/: this is how a session is switched off.
      hooks: { sockets: require('sails-hook-sockets'), session: false },
      sockets: {
        adapterModule: require('@sailshq/socket.io-redis'),
        adapter: '@sailshq/socket.io-redis',
        host: '127.0.0.1',
        port: Number(REDIS_PORT),
      },
    },
    (error) => {
      if (error) throw error;
      process.send('ready');
    },
  );
}

function runSocketIo() {
  const { createServer } = require('node:http');
  const { createAdapter } = require('@socket.io/redis-adapter');
  const { Redis } = require('ioredis');
  const { Server } = require('socket.io');

  const publisher = new Redis(Number(REDIS_PORT));
  const io = new Server({ transports: ['websocket'], adapter: createAdapter(publisher, publisher.duplicate()) });
  const http = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"members":0}');
  });
  io.attach(http);

  const answer = (body) => ({ body, headers: {}, statusCode: 200 });
  io.on('connection', (socket) => {
    socket.on('get', async ({ url }, reply) => {
      if (url === '/api/whoami') return reply(answer({ pod: process.env.POD, worker: process.pid, user: null }));
      const members = await io.in(url.split('/')[3]).fetchSockets();
      reply(answer({ members: members.length }));
    });
    socket.on('post', ({ url, data }, reply) => {
      const [, , , room, action] = url.split('/');
      if (action === 'join') socket.join(room);
      else io.to(room).emit('loadtestMessage', data);
      reply(answer({}));
    });
  });
  http.listen(Number(PUBLIC_PORT), '127.0.0.1', () => process.send('ready'));
}
