'use strict';

/**
 * A mocha 3 reporter that prints a line per test and writes `{ passed, failed, failures }` to the file
 * named by the environment variable REFERENCE_REPORT. Written to a file because the apps under test log to stdout.
 */
const { writeFileSync } = require('node:fs');

module.exports = function MochaReport(runner) {
  let passed = 0;
  const failures = [];
  const write = () => {
    const report = { passed, failed: failures.length, failures };
    writeFileSync(process.env.REFERENCE_REPORT, JSON.stringify(report));
  };
  runner.on('pass', (test) => {
    passed += 1;
    console.log(`  ok   ${test.fullTitle()}`);
  });
  runner.on('fail', (test, error) => {
    const title = test.fullTitle();
    failures.push({ title, message: String(error?.stack ?? error) });
    console.log(`  FAIL ${title}`);
  });
  runner.on('end', write);
};
