// The whole check: build, lint, our tests, and the test suite of sails-hook-sockets run against our hook.
// Its last line is `N passed, N failed`; it exits with 1 if anything failed or nothing ran.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTestTools } from './test-tools.mjs';

const { missing, found } = findTestTools();
if (missing.length > 0) {
  for (const line of missing) console.error(line);
  process.exit(1);
}

process.chdir(join(import.meta.dirname, '..'));
const scratch = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const vitestReport = join(scratch, 'vitest.json');
const referenceReport = join(scratch, 'reference.json');
const times = [];
const total = { passed: 0, failed: 0 };

const built = await stage('build', 'npm', ['run', '--silent', 'build']);
if (built === 0) {
  if ((await stage('lint', 'npm', ['run', '--silent', 'lint'])) !== 0) total.failed += 1;

  const vitest = await stage('tests', process.execPath, [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${vitestReport}`,
  ]);
  count(vitest, readVitestReport());

  const reference = await stage('reference suite', process.execPath, [
    'test/reference/run.mjs',
    '--report',
    referenceReport,
  ]);
  count(reference, readReport(referenceReport));
} else {
  total.failed += 1;
}

console.log('');
for (const { name, seconds, code } of times) {
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}${code === 0 ? '' : ' (failed)'}`);
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** Runs one command with its output shown, and settles with its exit code. */
function stage(name, command, args) {
  console.log(`\n--- ${name}`);
  const begun = performance.now();
  return new Promise((resolve) => {
    const ended = (code) => {
      times.push({ name, seconds: (performance.now() - begun) / 1000, code });
      resolve(code);
    };
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...found },
    });
    child.once('error', (error) => {
      console.error(`${command}: ${error.message}`);
      ended(1);
    });
    child.once('exit', (code, signal) => {
      if (signal) console.error(`${name} was ended by ${signal}`);
      ended(code ?? 1);
    });
  });
}

/** A stage that ended badly counts as one failure at least, whatever its report says. */
function count(code, report) {
  total.passed += report.passed;
  total.failed += code === 0 ? report.failed : Math.max(1, report.failed);
}

function readReport(path) {
  try {
    const { passed, failed } = JSON.parse(readFileSync(path, 'utf8'));
    return { passed, failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

/** Besides failed tests, counts files that failed as a whole: an import or a hook threw, or their process died (tests `pending`). */
function readVitestReport() {
  try {
    const report = JSON.parse(readFileSync(vitestReport, 'utf8'));
    const brokenFiles = report.testResults.filter(
      ({ status, assertionResults: tests }) =>
        !tests.some((test) => test.status === 'failed') &&
        (status === 'failed' || tests.some((test) => test.status === 'pending')),
    );
    return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length };
  } catch {
    return { passed: 0, failed: 1 };
  }
}
