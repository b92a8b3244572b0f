// A rolling restart: clients in one room behind haproxy, messages at a fixed rate, two pods restarted one after the other. What
// arrives, how long each client is without messages, and how long without a connection, beside plain Socket.IO and
// sails-hook-sockets. `node bench/recovery/run.mjs`, after `npm run build`. Needs redis-server and haproxy.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';
import { freePort, says, start, startRedis, stop } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    rate: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
});
const CLIENTS = Number(values.clients);
const DRIVERS = 2;
const EVERY_MS = 1_000 / Number(values.rate);
const ROOM = 'loadtest-recovery';
/** Long enough for the slowest client of the stock kind to be back, and to have got what it missed. */
const QUIET_MS = 8_000;
const VARIANTS = [
  { name: 'flotilla, our client', system: 'flotilla', client: 'ours' },
  { name: 'flotilla, socket.io-client', system: 'flotilla', client: 'stock' },
  { name: 'socket.io, redis-adapter', system: 'socket.io', client: 'stock' },
  { name: 'sails-hook-sockets', system: 'sails-hook-sockets', client: 'stock' },
].filter(({ name }) => !values.only || name.includes(values.only));

const scratch = mkdtempSync(join(tmpdir(), 'recovery-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const rows = [];
for (const variant of VARIANTS) rows.push(await measure(variant));
table(`A rolling restart of two pods: ${CLIENTS} websocket clients in a room, ${values.rate} messages a second`, rows);
for (const row of rows.filter(({ variant }) => variant.startsWith('flotilla'))) {
  goal({
    what: `delivered in a rolling restart, ${row.variant}`,
    peer: rows
      .slice(2)
      .map(({ variant, delivered }) => `${variant} ${delivered}`)
      .join(', '),
    ours: row.delivered,
    ratio: '',
    toReach: '100 %, no copy twice',
  });
  goal({
    what: `without messages in a rolling restart, p50, ${row.variant}`,
    peer: rows
      .slice(2)
      .map((other) => `${other.variant} ${other['gap p50 (s)']} s`)
      .join(', '),
    ours: `${row['gap p50 (s)']} s`,
    ratio: '',
    toReach: row.variant.includes('our client') ? '< 0.3 s' : '< 1.2 s',
  });
}

async function measure({ name, system, client }) {
  const { child: redis, port: redisPort } = await startRedis();
  const ports = [await freePort(), await freePort()];
  const opsPorts = [await freePort(), await freePort()];
  const startOne = (index) => startPod(system, index, ports[index], opsPorts[index], redisPort);
  const pods = await Promise.all([startOne(0), startOne(1)]);
  const proxyPort = await freePort();
  const proxy = await startProxy(proxyPort, ports, system === 'flotilla' ? opsPorts : undefined);
  const drivers = Array.from({ length: DRIVERS }, () => fork(join(import.meta.dirname, 'clients.mjs')));
  await ask(drivers, {
    open: { client, url: `http://127.0.0.1:${proxyPort}`, room: ROOM, count: Math.ceil(CLIENTS / DRIVERS) },
  });

  const publishers = ports.map(publisherOf);
  await Promise.all(publishers.map((publisher) => once(publisher, 'connect')));
  // Messages come from the pod that stays.
  let sender = 1;
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    const url = `/loadtest/rooms/${ROOM}/messages`;
    publishers[sender].emit('post', { method: 'post', url, data: { sequence: sent }, headers: {} }, () => {});
  }, EVERY_MS);
  for (const index of [0, 1]) {
    await new Promise((done) => setTimeout(done, 2_000));
    await stop(pods[index]);
    pods[index] = await startOne(index);
    await new Promise((done) => setTimeout(done, QUIET_MS));
    if (!publishers[index].connected) await once(publishers[index], 'connect');
    sender = index;
  }
  clearInterval(timer);
  await new Promise((done) => setTimeout(done, 2_000));
  const reports = (await ask(drivers, { report: true })).flatMap((answer) => answer.reports);

  for (const driver of drivers) driver.kill('SIGKILL');
  for (const publisher of publishers) publisher.close();
  await Promise.all([...pods, proxy, redis].map(stop));
  return row(name, reports, sent);
}

function row(variant, reports, sent) {
  const sum = (key) => reports.reduce((total, report) => total + report[key], 0);
  const seconds = (key, share) => {
    const all = reports.flatMap((report) => report[key]).sort((a, b) => a - b);
    return all.length === 0 ? 0 : round(all[Math.min(all.length - 1, Math.floor(share * all.length))] / 1_000);
  };
  const reconnects = reports.reduce((total, report) => total + report.reconnects.length, 0);
  const share = (100 * sum('received')) / (sent * reports.length);
  return {
    variant,
    delivered: share === 100 ? '100 %' : `${Math.min(99.99, share).toFixed(2)} %`,
    twice: sum('duplicates'),
    'out of order': sum('outOfOrder'),
    reconnects,
    recovered: sum('recovered'),
    'gap p50 (s)': seconds('gaps', 0.5),
    'gap p99 (s)': seconds('gaps', 0.99),
    'reconnect p50 (s)': seconds('reconnects', 0.5),
    'reconnect p99 (s)': seconds('reconnects', 0.99),
  };
}

async function ask(drivers, message) {
  return Promise.all(
    drivers.map(async (driver) => {
      const answer = once(driver, 'message');
      driver.send(message);
      return (await answer)[0];
    }),
  );
}

function publisherOf(port) {
  return io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelayMax: 500,
    query: { __sails_io_sdk_version: '1.2.1' },
  });
}

async function startProxy(port, ports, opsPorts) {
  const file = join(scratch, `${port}.cfg`);
  const servers = ports.map((each, index) => {
    const check = opsPorts ? `check port ${opsPorts[index]}` : 'check';
    return `  server pod${index} 127.0.0.1:${each} ${check} inter 300 fall 1 rise 1`;
  });
  const lines = ['defaults', '  mode http', '  timeout connect 2s', '  timeout client 60s', '  timeout server 60s'];
  // A pod that lifts beside another on two cores makes that one slow to answer, not unready.
  lines.push(
    '  timeout check 3s',
    '  timeout tunnel 1h',
    'frontend public',
    `  bind 127.0.0.1:${port}`,
    '  default_backend pods',
  );
  lines.push('backend pods', '  balance leastconn', '  retries 3', '  option redispatch');
  if (opsPorts) lines.push('  option httpchk GET /readyz');
  writeFileSync(file, `${[...lines, ...servers].join('\n')}\n`);
  const child = start('haproxy', ['-db', '-f', file]);
  for (;;) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      ({ status }) => status !== 503,
      () => false,
    );
    if (isUp) return child;
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function startPod(system, index, port, opsPort, redisPort) {
  const env = { NODE_ENV: 'development', POD: `pod-${index}` };
  if (system !== 'flotilla') {
    const child = start(process.execPath, ['bench/loadtest/clustered-pod.cjs'], {
      ...env,
      SYSTEM: system,
      PUBLIC_PORT: `${port}`,
      WORKERS: '2',
      REDIS_PORT: `${redisPort}`,
    });
    await says(child, /ready on/);
    return child;
  }
  const flags = ['--workers', '2', '--port', `${port}`, '--host', '127.0.0.1', '--drain-window', '2000'];
  // The proxy takes 0.3 s to notice that a pod is not ready.
  flags.push('--drain-delay', '600');
  const child = start(process.execPath, ['bin/flotilla.js', 'start', 'bench/loadtest/app', ...flags], {
    ...env,
    sails_flotilla__link: 'redis-streams',
    FLOTILLA_REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    FLOTILLA_POD_NAME: env.POD,
    FLOTILLA_OPS_PORT: `${opsPort}`,
  });
  await says(child, /all \d+ workers are ready/);
  return child;
}
