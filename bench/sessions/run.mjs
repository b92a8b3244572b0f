// What a virtual request costs with its session in Redis: CPU of the worker, and commands of Redis, beside sails-hook-sockets with
// @sailshq/connect-redis. `node bench/sessions/run.mjs [requests]`, after `npm run build`. Needs redis-server.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { io } from 'socket.io-client';
import { median, startRedis, stop } from '../lib/processes.mjs';
import { round, table } from '../lib/report.mjs';

const REQUESTS = Number(process.argv[2] ?? 2_000);
const ROUNDS = 3;
const AT_ONCE = 20;
const VARIANTS = ['ours', 'reference'];
const SCENARIOS = [
  ['read', 'get', '/read'],
  ['write', 'post', '/write'],
];

const { port: redisPort, child: redisServer } = await startRedis();
const redis = new Redis(redisPort, '127.0.0.1');
await redis.ping();

const workers = {};
for (const variant of VARIANTS) {
  const worker = fork(join(import.meta.dirname, 'worker.cjs'), [variant, String(redisPort)]);
  const [{ port }] = await once(worker, 'message');
  const login = await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST' });
  const cookie = login.headers.get('set-cookie').split(';', 1)[0];
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    extraHeaders: { cookie },
    query: { __sails_io_sdk_version: '1.2.1' },
  });
  await once(socket, 'connect');
  workers[variant] = { worker, socket };
}

const results = Object.fromEntries(
  SCENARIOS.map(([scenario]) => [scenario, Object.fromEntries(VARIANTS.map((variant) => [variant, []]))]),
);
for (let index = 0; index <= ROUNDS; index += 1) {
  for (const [scenario, method, url] of SCENARIOS) {
    for (const variant of VARIANTS) {
      const measured = await measure(workers[variant], method, url);
      // The first round warms up.
      if (index > 0) results[scenario][variant].push(measured);
    }
  }
}
for (const { worker, socket } of Object.values(workers)) {
  socket.close();
  worker.disconnect();
}
redis.disconnect();
await stop(redisServer);

for (const [scenario, byVariant] of Object.entries(results)) {
  const cpu = (variant) => median(byVariant[variant].map(({ cpuUs }) => cpuUs));
  table(
    `A virtual request that ${scenario === 'read' ? 'changes nothing' : 'changes one key'} of its session in Redis`,
    VARIANTS.map((variant) => ({
      variant,
      'CPU (µs)': round(cpu(variant)),
      'reference = 1': round(cpu(variant) / cpu('reference')),
      'bytes of Redis': round(median(byVariant[variant].map(({ bytes }) => bytes))),
      'Redis commands': Object.entries(byVariant[variant].at(-1).commands)
        .map(([name, count]) => `${name} ${count.toFixed(2)}`)
        .join(', '),
    })),
  );
}

/** Figures per request. A command that a script calls is counted beside the script. */
async function measure({ worker, socket }, method, url) {
  const before = { cpuUs: await cpuUs(worker), ...(await redisFigures()) };
  const ask = () => new Promise((resolve) => socket.emit(method, { method, url, headers: {} }, resolve));
  for (let sent = 0; sent < REQUESTS; sent += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, ask));
  const after = { cpuUs: await cpuUs(worker), ...(await redisFigures()) };
  const commands = {};
  for (const [name, calls] of Object.entries(after.commands)) {
    const made = (calls - (before.commands[name] ?? 0)) / REQUESTS;
    if (made >= 0.01 && name !== 'info') commands[name] = made;
  }
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / REQUESTS,
    bytes: (after.bytes - before.bytes) / REQUESTS,
    commands,
  };
}

async function cpuUs(worker) {
  worker.send('cpu');
  const [answer] = await once(worker, 'message');
  return answer.cpuUs;
}

async function redisFigures() {
  const text = await redis.info('all');
  const bytes = ['total_net_input_bytes', 'total_net_output_bytes']
    .map((name) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]))
    .reduce((sum, each) => sum + each, 0);
  const commands = {};
  for (const [, name, calls] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) commands[name] = Number(calls);
  return { bytes, commands };
}
