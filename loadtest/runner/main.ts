import { parseArgs } from 'node:util';
import { runScript, VUS_PER_DRIVER } from './run-script';

const HELP = `Runs a k6 script of this folder in Node processes, where there is no k6.

Usage: node loadtest/runner.mjs run [options] SCRIPT

  -e, --env NAME=VALUE   a variable for the script (__ENV); those of the environment are there too
      --out json=FILE    write every sample to a file, in the lines that k6 writes
      --vus-per-process N  virtual users in one process (default: ${VUS_PER_DRIVER})
  -q, --quiet            show no progress
  -h, --help

Exit codes as k6 documents them: 0 good, 99 a threshold failed, 104 the script or its options are wrong, 105 a signal,
107 setup failed, 108 the script aborted the run, 110 the script marked the run as failed.`;

void main();

async function main(): Promise<void> {
  const parsed = parse();
  if (typeof parsed === 'string') {
    console.error(`${parsed}\nSee --help.`);
    process.exitCode = 2;
    return;
  }
  const { script, env, linesFile, quiet, vusPerDriver } = parsed;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());

  const begun = performance.now();
  process.exitCode = await runScript({
    script,
    env: { ...process.env, ...env },
    linesFile,
    vusPerDriver,
    print: (line) => console.log(line),
    progress: ({ vus, iterations }) => {
      if (quiet) return;
      const line = `  ${((performance.now() - begun) / 1000).toFixed(0)} s   ${vus} virtual users   ${iterations} iterations done`;
      if (process.stdout.isTTY) process.stdout.write(`\r${line.padEnd(70)}\r`);
    },
    signal: stop.signal,
  });
}

function parse() {
  let result: ReturnType<typeof parseCommandLine>;
  try {
    result = parseCommandLine();
  } catch (error) {
    return (error as Error).message;
  }
  const { values, positionals } = result;
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const [command, script, ...more] = positionals;
  if (command !== 'run' || !script || more.length > 0) return 'Give "run" and one script.';

  const env: Record<string, string> = {};
  for (const pair of values.env ?? []) {
    const equals = pair.indexOf('=');
    if (equals < 1) return `--env ${pair}: give NAME=VALUE.`;
    env[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  if (values.out && !values.out.startsWith('json=')) return `--out ${values.out}: only json=FILE is there.`;
  const vusPerDriver = Number(values['vus-per-process'] ?? VUS_PER_DRIVER);
  if (!Number.isInteger(vusPerDriver) || vusPerDriver < 1) return '--vus-per-process: give a whole number from 1.';
  return { script, env, linesFile: values.out?.slice('json='.length), quiet: values.quiet === true, vusPerDriver };
}

function parseCommandLine() {
  return parseArgs({
    allowPositionals: true,
    options: {
      env: { type: 'string', short: 'e', multiple: true },
      out: { type: 'string' },
      'vus-per-process': { type: 'string' },
      quiet: { type: 'boolean', short: 'q' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
