// What a virtual request costs the worker, beside sails-hook-sockets on the same session store:
// `node bench/requests/run.mjs [--requests 1000] [--rounds 5] [--stores none,memory,pod,redis] [--profile <folder>]`, after `npm run build`.
// All apps run at the same time and are measured in turn; the figures are medians, and only their ratios mean anything.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { io } from 'socket.io-client';
import { keepingRequestsYoung } from '../../dist/launcher/young-requests.js';
import { median, startRedis } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    stores: { type: 'string', default: 'none,memory,pod,redis' },
    /** Starts the reference with the arguments that our launcher gives its workers, too. */
    'same-arguments': { type: 'boolean', default: false },
    /** Writes a CPU profile of each app of ours into this folder. */
    profile: { type: 'string' },
  },
});
const REQUESTS = Number(values.requests);
const ROUNDS = Number(values.rounds);
/** Sockets, each with a session of its own and one request under way. */
const SOCKETS = 20;
const VARIANTS = ['flotilla', 'sails-hook-sockets'];
const STORES = values.stores.split(',');
const SCENARIOS = [
  { name: 'GET', event: 'get', url: '/ping' },
  { name: 'GET that reads the session', event: 'get', url: '/user', needsSession: true },
  { name: 'POST with a body', event: 'post', url: '/echo', data: { name: 'ada', list: [1, 2, 3] } },
];

const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

const env = { ...process.env };
if (STORES.includes('redis')) env.REDIS_URL = `redis://127.0.0.1:${(await startRedis()).port}/0`;
const primary = STORES.includes('pod') ? await startPrimary() : undefined;

const apps = new Map();
for (const store of STORES)
  for (const variant of VARIANTS) apps.set(`${variant} ${store}`, await startApp(variant, store));

const rows = [];
for (const store of STORES) {
  for (const scenario of SCENARIOS) {
    if (store === 'none' && scenario.needsSession) continue;
    rows.push({ store, scenario: scenario.name, ...(await compare(store, scenario)) });
  }
}
const bare = [];
for (let index = 0; index <= ROUNDS; index += 1) {
  const measured = await measure(apps.get(`flotilla ${STORES[0]}`), { event: 'bare' });
  if (index > 0) bare.push(measured.worker);
}
print();
for (const { worker, sockets } of apps.values()) {
  for (const socket of sockets) socket.close();
  worker.disconnect();
}
await Promise.all([...apps.values()].map(({ worker }) => once(worker, 'exit')));
// The Redis is still there; it ends with this process.
process.exit();

async function compare(store, scenario) {
  const runs = Object.fromEntries(VARIANTS.map((variant) => [variant, []]));
  // The first round warms up.
  for (let index = 0; index <= ROUNDS; index += 1) {
    for (const variant of VARIANTS) {
      const measured = await measure(apps.get(`${variant} ${store}`), scenario, index === 0 ? 4_000 : REQUESTS);
      if (index > 0) runs[variant].push(measured);
    }
  }
  const figures = VARIANTS.map((variant) => ({
    worker: median(runs[variant].map(({ worker }) => worker)),
    primary: median(runs[variant].map((run) => run.primary)),
  }));
  return { ours: figures[0], reference: figures[1] };
}

/** Microseconds of CPU per request. */
async function measure({ worker, sockets }, { event, url, data }, requests = REQUESTS) {
  const each = Math.ceil(requests / SOCKETS);
  const message = { method: event, url, data, headers: {} };
  const before = { worker: await cpuUs(worker), primary: await cpuUs(primary) };
  await Promise.all(
    sockets.map(async (socket) => {
      for (let sent = 0; sent < each; sent += 1) {
        const { statusCode } = await new Promise((resolve) => socket.emit(event, message, resolve));
        if (statusCode !== 200) throw new Error(`${event} ${url} answered ${statusCode}`);
      }
    }),
  );
  return {
    worker: ((await cpuUs(worker)) - before.worker) / (each * SOCKETS),
    primary: ((await cpuUs(primary)) - before.primary) / (each * SOCKETS),
  };
}

async function startApp(variant, store) {
  const isOurs = variant === 'flotilla';
  const execArgv = isOurs || values['same-arguments'] ? keepingRequestsYoung([]) : [];
  if (isOurs && values.profile)
    execArgv.push('--cpu-prof', `--cpu-prof-dir=${values.profile}`, `--cpu-prof-name=${store}.cpuprofile`);
  const worker = fork(join(import.meta.dirname, 'worker.cjs'), [variant, store], { env, execArgv });
  children.push(worker);
  const [{ port }] = await once(worker, 'message');
  const sockets = [];
  for (let number = 0; number < SOCKETS; number += 1) {
    const login = await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST' });
    const cookie = login.headers.get('set-cookie')?.split(';', 1)[0];
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
      ...(cookie ? { extraHeaders: { cookie } } : {}),
      query: { __sails_io_sdk_version: '1.2.1' },
    });
    await once(socket, 'connect');
    sockets.push(socket);
  }
  return { worker, sockets };
}

async function startPrimary() {
  const child = fork(join(import.meta.dirname, 'primary.cjs'));
  children.push(child);
  const [pod] = await once(child, 'message');
  Object.assign(env, pod);
  return child;
}

async function cpuUs(child) {
  if (!child) return 0;
  child.send('cpu');
  const [answer] = await once(child, 'message');
  return answer.cpuUs;
}

function print() {
  const both = ({ worker, primary }) => worker + primary;
  table(
    `Virtual requests: CPU each, medians of ${ROUNDS} runs of ${REQUESTS} requests over ${SOCKETS} sockets`,
    rows.map(({ store, scenario, ours, reference }) => ({
      store,
      request: scenario,
      'ours (µs)': round(ours.worker),
      'sails-hook-sockets (µs)': round(reference.worker),
      ratio: round(ours.worker / reference.worker),
      'primary: ours (µs)': round(ours.primary),
      'primary: reference (µs)': round(reference.primary),
      'ratio, primary included': round(both(ours) / both(reference)),
    })),
    { text: `A bare acknowledgement over Socket.IO, in an app of ours: ${median(bare).toFixed(0)} µs` },
  );
  for (const { store, scenario, ours, reference } of rows) {
    if (store === 'none') continue;
    goal({
      what: `virtual request, worker CPU, ${store} store, ${scenario}`,
      peer: `sails-hook-sockets ${round(reference.worker)} µs`,
      ours: `${round(ours.worker)} µs`,
      ratio: round(ours.worker / reference.worker),
      toReach: store === 'redis' ? 'reported' : '≤ 0.39, then ≤ 0.25',
    });
  }
}
