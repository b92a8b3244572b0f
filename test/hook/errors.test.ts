import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(__dirname, '../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const source = readFileSync(join(root, 'src/hook/errors.ts'), 'utf8');

it("every code of the hook's errors has its row in docs/errors.md", () => {
  const own = [...source.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1]);
  const reference = [...source.matchAll(/super\('([A-Z_]+)'/g)].map((match) => `SAILS:HOOK:SOCKETS:${match[1]}`);
  expect(own.length).toBeGreaterThan(10);
  expect(reference.length).toBe(6);
  for (const code of [...own, ...reference]) expect(page).toContain(`| \`${code}\` |`);
});
