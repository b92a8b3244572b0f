// The whole check: build, lint, the test suite of sails-hook-sockets run against our hook, and our own tests. With
// `--long`: the tests named `*.long.test.ts` instead, soaks and rounds of faults that take too long for every change.
// It names what failed at the end, and its last line is `N passed, N failed`; it exits with 1 if anything failed or
// nothing ran.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTestTools } from './test-tools.mjs';
import { printOutcome, readVitestReport } from './vitest-report.mjs';

const { missing, found } = findTestTools();
if (missing.length > 0) {
  for (const line of missing) console.error(line);
  process.exit(1);
}

process.chdir(join(import.meta.dirname, '..'));
const scratch = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const isLong = process.argv.includes('--long');
const EXAMPLE = 'examples/live-counter';
const vitestReport = join(scratch, 'vitest.json');
const referenceReport = join(scratch, 'reference.json');
const times = [];
const total = { passed: 0, failed: 0, failures: [] };

// Compiling the example's database takes a core a minute or two where no prebuilt binary can be had: meanwhile everything
// runs that does not need it. The tests of the example come last, and wait for this file.
const exampleEnded = join(scratch, 'example-install');
const mustInstallExample = isExampleStale();
const exampleInstall = mustInstallExample ? installExample() : undefined;

const built = await stage('build', 'npm', ['run', '--silent', 'build']);
if (built === 0) {
  if (!isLong) await checkStyleAndReference();

  const vitest = await stage(isLong ? 'long tests' : 'tests', process.execPath, [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...(isLong ? ['--config', 'vitest.long.config.mts'] : []),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${vitestReport}`,
  ]);
  count('tests', vitest, readVitestReport(vitestReport));
} else {
  fail('build');
}
if (mustInstallExample && (await exampleInstall) !== 0) fail('example install');

console.log('');
for (const { name, seconds, code } of times) {
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}${code === 0 ? '' : ' (failed)'}`);
}
process.exitCode = printOutcome(total);

async function checkStyleAndReference() {
  const [lint, reference] = await Promise.all([
    stage('lint', 'npm', ['run', '--silent', 'lint'], { quiet: true }),
    stage('reference suite', process.execPath, ['test/reference/run.mjs', '--report', referenceReport]),
  ]);
  if (lint !== 0) fail('lint');
  count('reference suite', reference, readReport(referenceReport));
}

async function installExample() {
  const code = await stage('example install', process.execPath, ['scripts/install-example.mjs'], { quiet: true });
  writeFileSync(exampleEnded, String(code));
  return code;
}

/** Whether the example's packages are not those of its lock file. */
function isExampleStale() {
  const installed = statSync(join(EXAMPLE, 'node_modules/.package-lock.json'), { throwIfNoEntry: false });
  return !installed || installed.mtimeMs < statSync(join(EXAMPLE, 'package-lock.json')).mtimeMs;
}

/**
 * Runs one command and settles with its exit code. Its output is shown as it comes; that of a quiet one only where it
 * fails.
 */
function stage(name, command, args, { quiet = false } = {}) {
  if (!quiet) console.log(`\n--- ${name}`);
  const begun = performance.now();
  return new Promise((resolve) => {
    let output = '';
    const ended = (code) => {
      times.push({ name, seconds: (performance.now() - begun) / 1000, code });
      if (code !== 0 && output) console.error(`\n--- ${name}\n${output}`);
      resolve(code);
    };
    const child = spawn(command, args, {
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
      env: { ...process.env, ...found, ...(mustInstallExample && { TEST_EXAMPLE_INSTALL: exampleEnded }) },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`);
      ended(1);
    });
    child.once('close', (code, signal) => {
      if (signal) console.error(`${name} was ended by ${signal}`);
      ended(code ?? 1);
    });
  });
}

function fail(what) {
  total.failed += 1;
  total.failures.push(what);
}

/** A stage that ended badly counts as one failure at least, whatever its report says. */
function count(name, code, report) {
  total.passed += report.passed;
  total.failed += report.failed;
  total.failures.push(...report.failures);
  if (code !== 0 && report.failed === 0) fail(`${name}: ended with ${code}`);
}

function readReport(path) {
  try {
    const { passed, failed } = JSON.parse(readFileSync(path, 'utf8'));
    return { passed, failed, failures: failed > 0 ? [`reference suite: ${failed} of its tests`] : [] };
  } catch {
    return { passed: 0, failed: 1, failures: ['reference suite: no report was written'] };
  }
}
