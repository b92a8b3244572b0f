// HTTP through the front door, beside a plain Node cluster and @socket.io/sticky: the same Sails app, one worker each, in turn.
// `node bench/http/run.mjs`, after `npm run build`. Linux. Only the ratios within one run mean anything.
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { cpuSeconds, family, freePort, median, says, start, stop } from '../lib/processes.mjs';
import { goal, round, table } from '../lib/report.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '20' },
    workers: { type: 'string', default: '1' },
  },
});
const SYSTEMS = ['cluster', 'flotilla route', 'flotilla sticky', 'sticky'];
const REQUESTS = [
  ['GET', { method: 'GET' }],
  ['POST 1 kB', { method: 'POST', body: Buffer.alloc(1_000, 'x') }],
  ['POST 1 MB', { method: 'POST', body: Buffer.alloc(1_000_000, 'x') }],
];

const pods = new Map();
for (const system of SYSTEMS) pods.set(system, await startPod(system));

const runs = [];
// The first round warms up.
for (let index = 0; index <= Number(values.rounds); index += 1) {
  for (const [name, request] of REQUESTS) {
    for (const system of SYSTEMS) {
      const { child, url } = pods.get(system);
      const pids = family(child);
      const before = cpuSeconds(pids);
      const result = await autocannon({
        url: `${url}/answer`,
        connections: Number(values.connections),
        duration: index === 0 ? 1 : Number(values.seconds),
        ...request,
      });
      const answered = result['2xx'];
      if (index > 0)
        runs.push({
          name,
          system,
          perSecond: answered / result.duration,
          cpuUs: (1e6 * (cpuSeconds(pids) - before)) / answered,
          p99: result.latency.p99,
          failed: result.non2xx + result.errors,
        });
    }
  }
}
await Promise.all([...pods.values()].map(({ child }) => stop(child)));

for (const [name] of REQUESTS) {
  const rows = SYSTEMS.map((system) => {
    const own = runs.filter((run) => run.name === name && run.system === system);
    return {
      system,
      ...Object.fromEntries(
        ['perSecond', 'cpuUs', 'p99', 'failed'].map((key) => [key, median(own.map((run) => run[key]))]),
      ),
    };
  });
  table(
    `${name}, ${values.connections} keep-alive connections, ${values.workers} worker(s); median of ${values.rounds}`,
    rows.map(({ system, perSecond, cpuUs, p99, failed }) => ({
      system,
      'a second': Math.round(perSecond),
      'cluster = 1': round(perSecond / rows[0].perSecond),
      'server CPU (µs)': round(cpuUs),
      'p99 (ms)': p99,
      failed,
    })),
  );
  const [cluster, ours] = rows;
  goal({
    what: `HTTP ${name} through the launcher, keep-alive`,
    peer: `plain Node cluster ${Math.round(cluster.perSecond)}/s, @socket.io/sticky ${Math.round(rows.at(-1).perSecond)}/s`,
    ours: `${Math.round(ours.perSecond)}/s`,
    ratio: round(ours.perSecond / cluster.perSecond),
    toReach: '≥ 0.95',
  });
}

async function startPod(system) {
  const port = await freePort();
  const [name, mode] = system.split(' ');
  const child =
    name === 'flotilla'
      ? start(
          process.execPath,
          ['bin/flotilla.js', 'start', 'bench/http/app', '--workers', values.workers, '--port', `${port}`].concat([
            '--host',
            '127.0.0.1',
            '--mode',
            mode,
            '--no-ops',
          ]),
          { NODE_ENV: 'development' },
        )
      : start(process.execPath, ['bench/http/clustered-pod.cjs'], {
          NODE_ENV: 'development',
          SYSTEM: system,
          PUBLIC_PORT: `${port}`,
          OWN_PORT: `${await freePort()}`,
          WORKERS: values.workers,
        });
  await says(child, name === 'flotilla' ? /all \d+ workers are ready|worker is ready/ : /ready on/);
  return { child, url: `http://127.0.0.1:${port}` };
}
