import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startProgram } from '../support/program';
import { ROOT } from './support/tools';

it.each([
  ['the scripts, against the types of k6 alone', 'loadtest/tsconfig.json'],
  ['the scripts of these tests', 'test/loadtest/scripts/tsconfig.json'],
  ['runner and command', 'loadtest/runner/tsconfig.json'],
  ['the report’s page', 'loadtest/report/page/tsconfig.json'],
])('%s have no type error', async (_, project) => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { code, output } = await startProgram(process.execPath, [tsc, '-p', project], { cwd: ROOT }).ended();
  expect(output).toBe('');
  expect(code).toBe(0);
});
