// What a socket costs that only stays: memory, CPU of its handshake and of its stay, beside plain Socket.IO and
// sails-hook-sockets, one worker each. Then a drain: how long sockets are away that move to another pod.
// `node bench/connections/run.mjs [--sockets 10000] [--moved 5000]`, after `npm run build`. Linux; needs redis-server.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds, family, freePort, memoryBytes, says, start, startRedis, stop } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';

const { values } = parseArgs({
  options: {
    sockets: { type: 'string', default: '10000' },
    moved: { type: 'string', default: '5000' },
    window: { type: 'string', default: '5000' },
  },
});
const SYSTEMS = ['socket.io', 'sails-hook-sockets', 'flotilla'];
const DRIVERS = 4;
/** So many sockets, of those to be measured, come and go first. */
const WARM_UP_SHARE = 0.2;
/** Engine.IO's default: in so long each socket is pinged once. */
const PING_EVERY_MS = 25_000;

await measureIdle(Number(values.sockets));
await measureDrain(Number(values.moved));

async function measureIdle(count) {
  const rows = [];
  for (const system of SYSTEMS) {
    const { child, url } = await startPod(system, 1);
    const pids = family(child);
    // What the first sockets make the processes load, compile and grow by does not belong to each of them.
    await end(await openSockets([url], Math.ceil(count * WARM_UP_SHARE)));
    await quiet(pids);
    const bytesBefore = await bytesInUse(pids);
    const cpuBefore = cpuSeconds(pids);
    const drivers = await openSockets([url], count);
    // At once: what follows is the cost of staying, whatever the time that it is waited for.
    const handshakes = cpuSeconds(pids) - cpuBefore;
    const bytesAfter = await bytesInUse(pids);
    const idleFrom = cpuSeconds(pids);
    await new Promise((done) => setTimeout(done, PING_EVERY_MS));
    const idle = cpuSeconds(pids) - idleFrom;
    const [primary, worker] = pids.map((_, index) => (bytesAfter[index] - bytesBefore[index]) / count);
    rows.push({
      system,
      worker,
      primary,
      cpuUs: (1e6 * handshakes) / count,
      idleMs: (1e3 * idle) / (PING_EVERY_MS / 1_000),
    });
    await end(drivers);
    await stop(child);
  }
  const [base] = rows;
  const memory = ({ worker, primary }) => (worker + primary) / (base.worker + base.primary);
  table(
    `${count} idle websockets, one worker`,
    rows.map((row) => ({
      system: row.system,
      'worker, each (kB)': round(row.worker / 1_000),
      'primary, each (kB)': round(row.primary / 1_000),
      'memory, socket.io = 1': round(memory(row)),
      'CPU of a handshake (µs)': Math.round(row.cpuUs),
      'CPU, socket.io = 1': round(row.cpuUs / base.cpuUs),
      'CPU of all while idle (ms/s)': Math.round(row.idleMs),
    })),
  );
  const ours = rows.at(-1);
  goal({
    what: `memory of an idle socket, ${count} of them, primary included`,
    peer: `socket.io ${round((base.worker + base.primary) / 1_000)} kB`,
    ours: `${round((ours.worker + ours.primary) / 1_000)} kB`,
    ratio: round(memory(ours)),
    toReach: '≤ 1.15',
  });
}

async function measureDrain(count) {
  const { child: redis, port: redisPort } = await startRedis();
  const env = { FLOTILLA_REDIS_URL: `redis://127.0.0.1:${redisPort}` };
  const leaving = await startPod('flotilla', 2, { ...env, FLOTILLA_POD_NAME: 'leaving' });
  const staying = await startPod('flotilla', 2, { ...env, FLOTILLA_POD_NAME: 'staying' });
  const drivers = await openSockets([leaving.url, staying.url], count);
  const began = performance.now();
  const stopped = stop(leaving.child).then(() => performance.now() - began);
  const answers = await Promise.all(
    drivers.map(async (driver) => {
      const answer = once(driver, 'message');
      driver.send({ gaps: true });
      return (await answer)[0].gaps;
    }),
  );
  const back = performance.now() - began;
  const gaps = answers.flat().sort((a, b) => a - b);
  const at = (share) => round(gaps[Math.min(gaps.length - 1, Math.floor(share * gaps.length))] / 1_000);
  table(
    `A pod with its share of ${count} sockets drains over ${Number(values.window) / 1_000} s; they move to another`,
    [
      {
        'sockets moved': gaps.length,
        'all back after (s)': round(back / 1_000),
        'away p50 (s)': at(0.5),
        'p99 (s)': at(0.99),
        'most (s)': at(1),
        'pod ended after (s)': round((await stopped) / 1_000),
      },
    ],
  );
  await end(drivers);
  await stop(staying.child);
  await stop(redis);
}

async function startPod(system, workers, env = {}) {
  const port = await freePort();
  const settings = {
    NODE_ENV: 'development',
    NODE_OPTIONS: `--require ${join(import.meta.dirname, 'collect-garbage.cjs')}`,
    ...env,
  };
  const url = `http://127.0.0.1:${port}`;
  if (system === 'flotilla') {
    const flags = ['--workers', `${workers}`, '--port', `${port}`, '--host', '127.0.0.1', '--no-ops'];
    const drain = ['--drain-window', values.window, '--grace', `${Number(values.window) + 30_000}`];
    const child = start(
      process.execPath,
      ['bin/flotilla.js', 'start', 'bench/connections/app', ...flags, ...drain],
      settings,
    );
    await says(child, /all \d+ workers are ready|worker is ready/);
    return { child, url };
  }
  const child = start(process.execPath, ['bench/connections/clustered-pod.cjs'], {
    ...settings,
    SYSTEM: system,
    PUBLIC_PORT: `${port}`,
    WORKERS: `${workers}`,
  });
  await says(child, /ready on/);
  return { child, url };
}

/** Waits until processes have nothing left to do, their garbage collected. */
async function quiet(pids) {
  collect(pids);
  for (let cpu = cpuSeconds(pids); ; ) {
    await new Promise((done) => setTimeout(done, 1_000));
    const now = cpuSeconds(pids);
    if (now - cpu < 0.03) return;
    cpu = now;
  }
}

/** Memory of processes, their garbage collected. */
async function bytesInUse(pids) {
  for (let round = 0; round < 3; round += 1) {
    collect(pids);
    await new Promise((done) => setTimeout(done, 1_000));
  }
  return pids.map(memoryBytes);
}

function collect(pids) {
  for (const pid of pids) process.kill(pid, 'SIGWINCH');
}

async function openSockets(urls, count) {
  const drivers = Array.from({ length: DRIVERS }, () => fork(join(import.meta.dirname, 'clients.mjs')));
  await Promise.all(
    drivers.map(async (driver) => {
      const answer = once(driver, 'message');
      driver.send({ open: { urls, count: Math.ceil(count / DRIVERS) } });
      await answer;
    }),
  );
  return drivers;
}

async function end(drivers) {
  await Promise.all(
    drivers.map((driver) => {
      driver.kill('SIGKILL');
      return once(driver, 'exit');
    }),
  );
}
