import { parseArgs } from 'node:util';
import { compareRuns } from './compare';
import { runLoadTest, SCENARIOS } from './run-load-test';

const HELP = `Runs the load tests, or compares two runs.

Usage: node loadtest/loadtest.mjs [options] [SCENARIO...]
       node loadtest/loadtest.mjs compare RUN_A RUN_B [--out FILE]

Scenarios: ${SCENARIOS.all.join(', ')}
Without a name: ${SCENARIOS.byDefault.join(', ')}

      --target URL     an app that runs already (TARGET); else the example is started on this machine
      --app DIR        the app to start instead of the example (APP)
      --workers N      its workers (WORKERS, default 2)
      --engine NAME    auto, k6 or node (ENGINE, default auto: k6 where it is on PATH)
      --metrics URLS   /metrics of the app to read meanwhile, with commas between (METRICS)
      --results DIR    where the results go (RESULTS, default loadtest/results/TIME)
      --keep-lines     keep the sample lines of each scenario; they can be large
  -h, --help

Every variable of the scenarios is taken from the environment: SUBSCRIBERS=500 RATE=10 DURATION=30s …
They are listed in docs/loadtest.md, and what the app must offer in loadtest/contract.md.
Exit code: 0 all passed, 1 something failed, 2 wrong usage.`;

/** The command line was wrong. */
class UsageError extends Error {}

void main();

async function main(): Promise<void> {
  try {
    const { values, positionals } = parse();
    if (values.help) {
      console.log(HELP);
      return;
    }
    if (positionals[0] === 'compare') {
      const [, a, b, ...more] = positionals;
      if (!a || !b || more.length > 0)
        throw new UsageError('compare needs two runs: their folders or summary.json files.');
      await compareRuns(a, b, values.out);
      return;
    }
    const named = positionals.length > 0 ? positionals : (process.env.SCENARIOS ?? '').split(/[\s,]+/).filter(Boolean);
    for (const name of named) {
      if (!SCENARIOS.all.includes(name)) {
        throw new UsageError(`There is no scenario "${name}"; there are ${SCENARIOS.all.join(', ')}.`);
      }
    }
    const workers = Number(values.workers || process.env.WORKERS || 2);
    if (!Number.isInteger(workers) || workers < 1) throw new UsageError(`WORKERS: give a whole number from 1.`);
    const engine = values.engine || process.env.ENGINE || 'auto';
    if (!['auto', 'k6', 'node'].includes(engine)) throw new UsageError(`--engine ${engine}: give auto, k6 or node.`);

    const passed = await runLoadTest({
      scenarios: named.length > 0 ? named : SCENARIOS.byDefault,
      target: values.target || process.env.TARGET || undefined,
      app: values.app || process.env.APP || undefined,
      workers,
      engine,
      metrics: (values.metrics || process.env.METRICS || '').split(',').filter(Boolean),
      results: values.results || process.env.RESULTS || undefined,
      keepLines: values['keep-lines'] === true,
    });
    process.exitCode = passed ? 0 : 1;
  } catch (error) {
    console.error((error as Error).message);
    if (error instanceof UsageError) console.error('See --help.');
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        target: { type: 'string' },
        app: { type: 'string' },
        workers: { type: 'string' },
        engine: { type: 'string' },
        metrics: { type: 'string' },
        results: { type: 'string' },
        out: { type: 'string' },
        'keep-lines': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
