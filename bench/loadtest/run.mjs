// Compares Flotilla with sails-hook-sockets and with plain Socket.IO: the same scenarios, two pods of two workers each,
// one Redis, one system after the other in turn. Prints medians and ratios, and writes them as JSON.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSeconds, family, freePort, median, says, start, startRedis, stop } from '../lib/processes.mjs';
import { round, table } from '../lib/report.mjs';

const SYSTEMS = ['flotilla', 'sails-hook-sockets', 'socket.io'];
const HELP = `Usage: node bench/loadtest/run.mjs [options]

  --systems A,B      of ${SYSTEMS.join(', ')} (default all)
  --scenarios A,B    of broadcast-fanout, virtual-request, reconnect-storm (default all three)
  --subscribers N    sockets (default 1000)
  --rate N           messages, or requests, a second (default: that of each scenario)
  --duration TIME    default 10s
  --rounds N         how often each system runs (default 3); medians are printed
  --pods N --workers N   default 2 and 2
  --out FILE         the figures as JSON`;

const { values } = parseArgs({
  options: {
    systems: { type: 'string', default: SYSTEMS.join(',') },
    scenarios: { type: 'string', default: 'broadcast-fanout,virtual-request,reconnect-storm' },
    subscribers: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '' },
    duration: { type: 'string', default: '10s' },
    rounds: { type: 'string', default: '3' },
    pods: { type: 'string', default: '2' },
    workers: { type: 'string', default: '2' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const systems = values.systems.split(',');
const unknown = systems.find((system) => !SYSTEMS.includes(system));
if (unknown) {
  console.error(`--systems ${unknown}: give ${SYSTEMS.join(', ')}.`);
  process.exit(2);
}

const scratch = mkdtempSync(join(tmpdir(), 'loadtest-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const { child: redis, port: redisPort } = await startRedis();

const runs = [];
for (let index = 1; index <= Number(values.rounds); index += 1) {
  for (const system of systems) {
    const { pods, addresses } = await startPods(system);
    console.log(`round ${index}: ${system}`);
    for (const scenario of values.scenarios.split(',')) runs.push(await measure(system, scenario, addresses, pods));
    await Promise.all(pods.map(stop));
  }
}
await stop(redis);
report();

async function startPods(system) {
  const pods = [];
  const addresses = [];
  for (let pod = 1; pod <= Number(values.pods); pod += 1) {
    const port = await freePort();
    const env = { NODE_ENV: 'development', POD: `pod-${pod}` };
    let child;
    if (system === 'flotilla') {
      child = start(
        process.execPath,
        [
          'bin/flotilla.js',
          'start',
          'bench/loadtest/app',
          '--workers',
          values.workers,
          '--port',
          `${port}`,
          '--host',
          '127.0.0.1',
        ],
        {
          ...env,
          FLOTILLA_REDIS_URL: `redis://127.0.0.1:${redisPort}`,
          FLOTILLA_POD_NAME: env.POD,
          FLOTILLA_OPS_PORT: `${await freePort()}`,
        },
      );
      await says(child, /all \d+ workers are ready/);
    } else {
      child = start(process.execPath, ['bench/loadtest/clustered-pod.cjs'], {
        ...env,
        SYSTEM: system,
        PUBLIC_PORT: `${port}`,
        WORKERS: values.workers,
        REDIS_PORT: `${redisPort}`,
      });
      await says(child, /ready on/);
    }
    pods.push(child);
    addresses.push(`http://127.0.0.1:${port}`);
  }
  return { pods, addresses };
}

async function measure(system, scenario, addresses, pods) {
  const results = join(scratch, `${runs.length}`);
  const before = serverCpu(pods);
  const child = start(process.execPath, ['loadtest/loadtest.mjs', '--results', results, scenario], {
    TARGET: addresses.join(','),
    ENGINE: 'node',
    SUBSCRIBERS: values.subscribers,
    SOCKETS: values.subscribers,
    RATE: values.rate,
    DURATION: values.duration,
    ROUTES: 'GET /api/whoami',
  });
  const [code] = await once(child, 'exit');
  const cpu = serverCpu(pods) - before;
  const { scenarios } = JSON.parse(readFileSync(join(results, 'summary.json'), 'utf8'));
  const [{ metrics, latencies, outcome }] = scenarios;
  const latency = latencies.find(({ label }) => label === 'reconnect_gap') ?? latencies[0];
  const at = (percent) => latency?.percentiles.find(([each]) => each === percent)?.[1];
  const work = metrics.deliveries_received?.values.count || metrics.virtual_requests_answered?.values.count || 0;
  const run = {
    system,
    scenario,
    passed: code === 0,
    outcome,
    latency: latency?.label,
    p50: at(50),
    p95: at(95),
    p99: at(99),
    cpu,
    work,
  };
  console.log(
    `  ${run.passed ? 'pass' : 'FAIL'} ${scenario}: ${outcome}; p50 ${run.p50} p99 ${run.p99} ms; server CPU ${cpu.toFixed(1)} s`,
  );
  return run;
}

function report() {
  const rows = [];
  for (const scenario of values.scenarios.split(',')) {
    const base = {};
    for (const system of systems) {
      const own = runs.filter((run) => run.system === system && run.scenario === scenario);
      const row = {
        scenario,
        system,
        passed: `${own.filter(({ passed }) => passed).length}/${own.length}`,
        latency: own[0].latency,
      };
      for (const figure of ['p50', 'p95', 'p99']) row[`${figure} (ms)`] = round(median(own.map((run) => run[figure])));
      const cpu = median(own.map((run) => (1e6 * run.cpu) / Math.max(1, run.work)));
      base.cpu ??= cpu;
      row['server CPU each (µs)'] = round(cpu);
      row['CPU, first = 1'] = round(cpu / base.cpu);
      rows.push(row);
    }
  }
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, Node.js ${process.version}`;
  table(
    `${values.pods} pods of ${values.workers} workers, ${values.subscribers} sockets, median of ${values.rounds}`,
    rows,
  );
  if (values.out) writeFileSync(values.out, `${JSON.stringify({ machine, options: values, rows, runs }, null, 2)}\n`);
  // What the others lose is a result.
  process.exitCode = runs.every(({ system, passed }) => passed || system !== 'flotilla') ? 0 : 1;
}

/** CPU time that pods and their workers have taken, in seconds (Linux; elsewhere 0). */
function serverCpu(pods) {
  return process.platform === 'linux' ? cpuSeconds(pods.flatMap(family)) : 0;
}
