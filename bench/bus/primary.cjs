// The primary of one pod of the benchmark: forks its workers, passes commands on to them, and with ours holds hub and link.
const cluster = require('node:cluster');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { pushed } = require('./pushed.cjs');

const { VARIANT, REDIS_PORT, WORKERS } = process.env;
const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
const workers = [];
const pending = new Map();
let nextId = 1;

async function prepare() {
  if (VARIANT === 'cluster-adapter') {
    require('@socket.io/cluster-adapter').setupPrimary();
    return {};
  }
  if (!VARIANT.startsWith('flotilla')) return {};
  const { Hub } = require('../../dist/bus/hub/hub');
  const { randomPodTag } = require('../../dist/bus/ids');
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [podTag, podName] = [randomPodTag(), `pod-${process.env.POD}`];
  const hub = new Hub({ podTag, podName, log });
  await hub.listen(join(folder, 'hub.sock'));
  if (VARIANT !== 'flotilla none') {
    const { createLink } = require('../../dist/bus/link/create-link');
    const { resolveRedisSettings } = require('../../dist/redis');
    const redis = resolveRedisSettings({ code: `redis://127.0.0.1:${REDIS_PORT}`, env: {} });
    await hub.connect(createLink({ name: VARIANT.slice('flotilla '.length), redis, podName, log })).ready();
  }
  return { FLOTILLA_HUB: join(folder, 'hub.sock'), FLOTILLA_POD: podTag, FLOTILLA_POD_NAME: podName };
}

function ask(worker, name, args) {
  const id = nextId++;
  return new Promise((resolve) => {
    pending.set(id, resolve);
    worker.send({ id, name, args });
  });
}

const commands = {
  cpu: async () => ({
    primary: process.cpuUsage(),
    workers: await Promise.all(workers.map((worker) => ask(worker, 'cpu'))),
  }),
  pushed: async () => {
    const ofWorkers = await Promise.all(workers.map((worker) => ask(worker, 'pushed')));
    return ofWorkers.reduce((sum, each) => sum + each, pushed());
  },
  send: (args) => ask(workers[0], 'send', args),
  lastWorker: ({ name, args }) => ask(workers.at(-1), name, args),
  everyWorker: ({ name, args }) => Promise.all(workers.map((worker) => ask(worker, name, args))),
};

async function main() {
  cluster.setupPrimary({ exec: join(__dirname, 'worker.cjs'), serialization: 'advanced' });
  const env = await prepare();
  const ports = [];
  for (let number = 1; number <= Number(WORKERS); number++) {
    const worker = cluster.fork({ ...env, FLOTILLA_WORKER: String(number) });
    const port = new Promise((resolve) => {
      worker.on('message', ({ bench, port: listening, value } = {}) => {
        if (bench === 0) resolve(listening);
        else if (bench !== undefined) pending.get(bench)?.(value);
      });
    });
    workers.push(worker);
    ports.push(await port);
  }
  process.on('message', async ({ id, name, args }) => process.send({ id, value: await commands[name](args) }));
  process.on('disconnect', () => {
    for (const worker of workers) worker.process.kill('SIGKILL');
    process.exit();
  });
  process.send({ ports });
}
main();
