import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { CHART, run } from './support/tools';

const SUITES = readdirSync(join(CHART, 'tests')).filter((file) => file.endsWith('_test.yaml'));

/** Those that hold nothing but definitions are tested through the others. */
function templatesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? templatesOf(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((path) => !path.endsWith('.tpl'));
}

describe('helm-unittest', () => {
  let output: string;

  beforeAll(() => {
    run(process.execPath, ['scripts/bundle-loadtest.mjs']);
    output = run('helm-unittest', ['--strict', CHART]).stdout;
  });

  it.each(SUITES)('suite %s', (suite) => {
    const [, outcome] = new RegExp(`^ (PASS|FAIL) .*/tests/${suite}$`, 'm').exec(output) ?? [];
    expect(outcome, output).toBe('PASS');
  });

  it('ran tests', () => {
    const [, passed] = /^Tests: +(\d+) passed, (\d+) total$/m.exec(output) ?? [];
    expect(Number(passed), output).toBeGreaterThan(80);
  });

  it('has a suite for every template', () => {
    const suites = SUITES.map((suite) => readFileSync(join(CHART, 'tests', suite), 'utf8')).join('\n');
    const templates = templatesOf(join(CHART, 'templates')).map((path) =>
      path.slice(join(CHART, 'templates').length + 1),
    );
    expect(templates.length).toBeGreaterThan(25);
    expect(templates.filter((path) => !suites.includes(path))).toEqual([]);
  });
});
