// One pod of a system that is compared: a Node cluster whose workers share a port of this machine.
//   PORT=0 WORKERS=2 SYSTEM=sails-hook-sockets|socket.io REDIS_PORT=... node clustered-pod.cjs
const cluster = require('node:cluster');

const { PORT, WORKERS, SYSTEM, REDIS_PORT } = process.env;

if (cluster.isPrimary) runPrimary();
else if (SYSTEM === 'socket.io') runSocketIo();
else runSails();

function runPrimary() {
  let ready = 0;
  for (let worker = 0; worker < Number(WORKERS); worker += 1) cluster.fork();
  cluster.on('message', (_worker, message) => {
    if (message !== 'ready') return;
    ready += 1;
    if (ready === Number(WORKERS)) console.log(`ready on http://127.0.0.1:${PORT}`);
  });
  cluster.on('exit', (_worker, code, signal) => {
    console.error(`a worker ended by ${signal ?? code}`);
    process.exit(1);
  });
  process.once('SIGTERM', () => {
    cluster.removeAllListeners('exit');
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
}

function runSails() {
  const sails = require('sails');
  sails.lift(
    {
      appPath: `${__dirname}/app`,
      port: Number(PORT),
      explicitHost: '127.0.0.1',
      hooks: { sockets: require('sails-hook-sockets') },
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
  http.listen(Number(PORT), '127.0.0.1', () => process.send('ready'));
}
