import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * What a run of vitest came to, from its JSON report: `{ passed, failed, failures }`, where `failures` has a line for
 * each test that failed. Besides those it counts files that failed as a whole: an import or a hook threw, or their
 * process died (tests `pending`).
 */
export function readVitestReport(file) {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, failures: ['no report was written: the run itself broke off'] };
  }
  const failures = report.testResults.flatMap(({ name, status, message, assertionResults: tests }) => {
    const path = relative(process.cwd(), name);
    const failed = tests.filter((test) => test.status === 'failed');
    if (failed.length > 0) {
      return failed.map((test) => `${path} > ${test.fullName}: ${firstLine(test.failureMessages.join('\n'))}`);
    }
    const isBroken = status === 'failed' || tests.some((test) => test.status === 'pending');
    return isBroken ? [`${path}: ${firstLine(message) || 'did not run to its end'}`] : [];
  });
  return { passed: report.numPassedTests, failed: failures.length, failures };
}

/**
 * Ends a tier: names what failed, prints `N passed, N failed` as the last line, and returns the exit code, which is 1 also
 * where nothing ran.
 */
export function printOutcome({ passed, failed, failures }) {
  if (failures.length > 0) console.log('');
  for (const failure of failures) console.log(`failed: ${failure}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

function firstLine(text) {
  return (
    (text ?? '')
      .split('\n')
      .find((line) => line.trim())
      ?.trim() ?? ''
  );
}
