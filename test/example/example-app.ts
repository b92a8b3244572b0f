import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { EXAMPLE, exampleInstalled } from '../support/example-install';
import { freePort } from '../support/free-port';
import { type Ending, startProgram } from '../support/program';

const ROOT = resolve(__dirname, '../..');

/** The example, as `flotilla start` runs it on several workers, with an empty database. */
export interface ExampleApp {
  readonly url: string;
  /** Of the primary. */
  readonly pid: number;
  /** What launcher and workers have written so far. */
  output(): string;
  stop(signal?: NodeJS.Signals): Promise<Ending>;
}

/** @param env variables that come before those of the tests */
export async function startExampleApp(workers: number, env: NodeJS.ProcessEnv = {}): Promise<ExampleApp> {
  await exampleInstalled();
  const scratch = await mkdtemp(join(tmpdir(), 'live-counter-'));
  const port = Number(env.PORT ?? (await freePort()));
  const program = startProgram(
    process.execPath,
    ['bin/flotilla.js', 'start', EXAMPLE, '--workers', `${workers}`, '--port', `${port}`, '--host', '127.0.0.1'],
    {
      cwd: ROOT,
      env: {
        LIVE_COUNTER_DB: join(scratch, 'live-counter.sqlite'),
        DATABASE_URL: '',
        FLOTILLA_POD_NAME: 'test-pod',
        FLOTILLA_OPS_PORT: '0',
        NODE_ENV: 'development',
        ...env,
      },
    },
  );
  await program.says(/all \d+ workers are ready/);
  return {
    url: `http://127.0.0.1:${port}`,
    pid: program.pid,
    output: program.output,
    stop: async (signal) => {
      const ending = await program.stop(signal);
      await rm(scratch, { recursive: true, force: true });
      return ending;
    },
  };
}
