// Runs the benchmarks and prints our figures beside their goals; with --write they are kept in bench/results/, and the tables
// and plots of docs/benchmarks.md are made anew from all that is kept there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { document, goalsOf, RESULTS, readResults } from './lib/document.mjs';
import { ROOT } from './lib/processes.mjs';

/** With 5,000 sockets and more, all of them joining takes longer than the load test expects. */
const PATIENCE = {
  'loadtest-5000': { RAMP: '30s', JOIN_TIMEOUT: '180s' },
  'loadtest-10000': { RAMP: '60s', JOIN_TIMEOUT: '180s' },
};
const BENCHES = {
  delivery: ['delivery/run.mjs'],
  bus: ['bus/run.mjs'],
  growth: ['growth/run.mjs'],
  requests: ['requests/run.mjs'],
  sessions: ['sessions/run.mjs'],
  http: ['http/run.mjs'],
  connections: ['connections/run.mjs'],
  recovery: ['recovery/run.mjs'],
  'loadtest-1000': ['loadtest/run.mjs', '--subscribers', '1000', '--rounds', '2'],
  'loadtest-5000': [
    'loadtest/run.mjs',
    ...['--subscribers', '5000', '--rounds', '1', '--rate', '5', '--scenarios', 'broadcast-fanout,reconnect-storm'],
  ],
  'loadtest-10000': [
    'loadtest/run.mjs',
    ...['--subscribers', '10000', '--rounds', '1', '--rate', '2', '--scenarios', 'broadcast-fanout'],
  ],
};
const HELP = `Usage: node bench/run.mjs [options]

  --only A,B     of ${Object.keys(BENCHES).join(', ')}
                 (default all: 40 minutes and more)
  --write        keep the figures in bench/results/, and write docs/benchmarks.md anew`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(BENCHES).join(',') },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h' },
  },
});
const wanted = values.only.split(',').filter(Boolean);
const unknown = wanted.find((name) => !(name in BENCHES));
if (values.help || unknown !== undefined) {
  if (values.help) console.log(HELP);
  else console.error(`--only ${unknown}: give some of ${Object.keys(BENCHES).join(', ')}.`);
  // Nothing is measured: help was asked for, or the usage is wrong.
  process.exit(values.help ? 0 : 2);
}

const scratch = mkdtempSync(join(tmpdir(), 'bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const results = values.write ? readResults() : {};
const failed = [];
for (const name of wanted) {
  const [file, ...args] = BENCHES[name];
  console.log(`\n=== ${name}`);
  const report = join(scratch, `${name}.jsonl`);
  const began = performance.now();
  const child = spawn(process.execPath, [join('bench', file), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, BENCH_REPORT: report, ...PATIENCE[name] },
  });
  const [code] = await once(child, 'exit');
  console.log(`--- ${name}: ${Math.round((performance.now() - began) / 1_000)} s`);
  if (code !== 0) {
    failed.push(name);
    continue;
  }
  const entries = readFileSync(report, 'utf8').trim().split('\n').map(JSON.parse);
  results[name] = {
    command: ['node', `bench/${file}`, ...args].join(' '),
    measured: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Node.js ${process.version}`,
    tables: entries.flatMap((entry) => entry.table ?? []),
    goals: entries.flatMap((entry) => entry.goal ?? []),
  };
  if (values.write) {
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(results[name], null, 2)}\n`);
  }
}

const goals = goalsOf(results);
if (goals.length > 0) console.table(goals);
if (values.write) document(results);
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}.`);
  process.exitCode = 1;
}
