import { execFileSync, spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';

export const ROOT = join(__dirname, '..', '..', '..');
export const CHART = join(ROOT, 'helm', 'flotilla');

/** PATH, and behind it the programs that `make tools` has built. */
const BUILT = execFileSync('sh', [join(ROOT, 'scripts/tools.sh'), '--dir'], { encoding: 'utf8' }).trim();

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. A tool that is missing is an error that says how to get it. */
export function run(command: string, args: string[], options: { input?: string; cwd?: string } = {}): Outcome {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    cwd: options.cwd ?? ROOT,
    input: options.input,
    env: { ...process.env, PATH: [process.env.PATH, BUILT].join(delimiter), HELM_NAMESPACE: 'apps' },
  });
  if (error) throw new Error(`${command}: ${error.message}; \`make tools\` builds it where there is Go.`);
  return { exitCode: status ?? 1, stdout, stderr };
}
