import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { AppReport, AppTrouble } from './app-report';

const LOADED_WITHIN_MS = 60_000;

/**
 * Reads an app's configuration in a process of its own, in an environment such as `production`.
 * @param sailsArguments what is given to Sails' own configuration loader
 */
export function loadApp(
  appPath: string,
  environment: string,
  sailsArguments: string[],
): Promise<AppReport | AppTrouble> {
  const child = fork(join(__dirname, 'read-app-config.js'), [appPath, ...sailsArguments], {
    cwd: appPath,
    env: { ...process.env, NODE_ENV: environment },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), LOADED_WITHIN_MS);
    child.once('message', (answer) => resolve(answer as AppReport | AppTrouble));
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      const [line = ''] = errors.trim().split('\n').slice(-1);
      resolve({ trouble: `loading it ended with ${signal ?? `exit code ${code}`}${line ? `: ${line}` : ''}` });
    });
  });
}
