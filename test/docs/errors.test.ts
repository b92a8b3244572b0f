import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '..', '..');

/** Codes of Sails core, which the source compares with and does not raise. */
const FOREIGN = /^E_SESSION$/;

describe('the page of errors', () => {
  const inSource = new Set<string>();
  const files = ['src', join('loadtest', 'lib')].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  for (const file of files) {
    if (!file.endsWith('.ts')) continue;
    // Comments mention codes too; what counts is a code in quotes.
    for (const [, code] of readFileSync(join(root, file), 'utf8').matchAll(/['"](E_[A-Z0-9_]+)['"]/g)) {
      if (code && !FOREIGN.test(code)) inSource.add(code);
    }
  }
  const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
  // The first column names one code or several.
  const documented = [...page.matchAll(/^\| ((?:`E_[A-Z0-9_]+`(?:, )?)+)/gm)].flatMap(([, codes]) =>
    [...(codes ?? '').matchAll(/E_[A-Z0-9_]+/g)].map(([code]) => code),
  );

  it('has a row for every code in the source', () => {
    expect([...inSource].filter((code) => !documented.includes(code))).toEqual([]);
  });

  it('has no row for a code that is gone, and none twice', () => {
    expect(documented.filter((code) => !inSource.has(code))).toEqual([]);
    expect(new Set(documented).size).toBe(documented.length);
  });
});
