import { COMMAND, REPOSITORY } from '../launcher/support/pod';
import { type Ending, startProgram } from '../support/program';

/** Runs a command to its end. `temporary`: where it looks for pods. */
export function flotilla(
  args: string[],
  { temporary, env }: { temporary?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ending> {
  return startProgram(process.execPath, [COMMAND, ...args], {
    cwd: REPOSITORY,
    env: {
      FLOTILLA_OPS_URL: undefined,
      FLOTILLA_OPS_TOKEN: undefined,
      FLOTILLA_REDIS_URL: undefined,
      NODE_ENV: undefined,
      ...(temporary ? { TMPDIR: temporary } : {}),
      ...env,
    },
  }).ended();
}
