import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const script = readFileSync(join(__dirname, '..', 'e2e', 'cluster', 'preflight.sh'), 'utf8');

/** Runs it as somebody without rights, who may not be able to read this folder: it comes as input. */
function unprivileged(...args: string[]) {
  const drop = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : [];
  const [command = '', ...rest] = [...drop, 'bash', '-s', '--', ...args];
  return spawnSync(command, rest, { input: script, encoding: 'utf8', cwd: '/' });
}

it('a machine that can run no Kubernetes is told what it lacks, so that CI never takes its silence for a pass', () => {
  const { status, stdout } = unprivileged('machine');
  expect(stdout).toMatch(process.platform === 'linux' ? /^root, who / : /^Linux/);
  expect(status).toBe(1);
});
