import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Ending, startProgram } from '../../support/program';

export const ROOT = resolve(__dirname, '../../..');
export const SCRIPTS = join(ROOT, 'test/loadtest/scripts');
export const SCENARIOS = join(ROOT, 'loadtest/scenarios');

/** Runs a script in the Node runner as its users do. */
export function runScript(script: string, env: NodeJS.ProcessEnv = {}, args: string[] = []): Promise<Ending> {
  return startProgram(process.execPath, ['loadtest/runner.mjs', 'run', ...args, script], { cwd: ROOT, env }).ended();
}

/** Runs `make loadtest`'s command. */
export function runLoadTest(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ending> {
  return startProgram(process.execPath, ['loadtest/loadtest.mjs', ...args], {
    cwd: ROOT,
    env: { TARGET: '', SCENARIOS: '', ENGINE: 'node', METRICS: '', ...env },
  }).ended();
}

/** A folder that is gone after the test. */
export async function scratchFolder(onEnd: (clean: () => Promise<void>) => void): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'loadtest-test-'));
  onEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
