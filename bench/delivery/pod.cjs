// One pod of the delivery benchmark: a primary with one worker, on the adapter that VARIANT names. The worker is measured.
const cluster = require('node:cluster');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const log = { debug() {}, info() {}, warn: console.warn, error: console.error };

async function prepare() {
  if (process.env.VARIANT === 'cluster-adapter') require('@socket.io/cluster-adapter').setupPrimary();
  if (!process.env.VARIANT.startsWith('flotilla')) return {};
  const { Hub } = require('../../dist/bus/hub/hub');
  const { randomPodTag } = require('../../dist/bus/ids');
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const podTag = randomPodTag();
  const hub = new Hub({ podTag, podName: 'pod', log });
  await hub.listen(join(folder, 'hub.sock'));
  return { FLOTILLA_HUB: join(folder, 'hub.sock'), FLOTILLA_POD: podTag, FLOTILLA_POD_NAME: 'pod' };
}

async function main() {
  cluster.setupPrimary({ exec: join(__dirname, 'worker.cjs'), serialization: 'advanced' });
  const worker = cluster.fork({ ...(await prepare()), FLOTILLA_WORKER: '1' });
  worker.on('message', (message) => {
    // Frames of the adapters' own protocols come on the same channel.
    if (message?.bench) process.send(message.bench);
  });
  // The benchmark sees the code, and fails.
  worker.on('exit', () => process.exit(1));
  process.on('message', (message) => {
    if (message.name === 'primaryCpu') process.send({ id: message.id, value: process.cpuUsage() });
    else worker.send({ bench: message });
  });
  process.on('disconnect', () => {
    worker.process.kill('SIGKILL');
    // The benchmark is over: nobody hears an answer any more.
    process.exit();
  });
}
main();
