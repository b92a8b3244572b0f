import { join } from 'node:path';
import { type Ending, type Program, startProgram } from '../../support/program';

export const REPOSITORY = join(__dirname, '..', '..', '..');
export const COMMAND = join(REPOSITORY, 'bin', 'flotilla.js');
export const FIXTURE = join(__dirname, '..', 'fixtures', 'app');

/** A line of the primary's log. */
export interface LogLine {
  level: number;
  msg: string;
  code?: string;
  worker?: number;
  pid?: number;
  port?: number;
}

/** `flotilla start` on the fixture app, as a process of its own. */
export interface RunningPod {
  readonly program: Program;
  readonly port: number;
  /** `http://127.0.0.1:port`, or `https`. */
  readonly url: string;
  log(): LogLine[];
  /** Settles when a line with this message was logged as often as said. */
  logged(pattern: RegExp, times?: number): Promise<LogLine[]>;
  stop(signal?: NodeJS.Signals): Promise<Ending>;
}

export interface PodStart {
  workers?: number;
  args?: string[];
  env?: NodeJS.ProcessEnv;
  app?: string;
  tls?: boolean;
  /** Do not wait for every worker. */
  listeningOnly?: boolean;
}

/** Runs `flotilla start` with structured logs; nothing is waited for. */
export function startCommand(start: PodStart = {}): Program {
  const { workers = 2, args = [], env, app = FIXTURE } = start;
  return startProgram(process.execPath, [COMMAND, 'start', app, '--workers', String(workers), '--port', '0', ...args], {
    cwd: REPOSITORY,
    env: {
      NODE_ENV: 'development',
      FLOTILLA_LOG: 'json',
      FLOTILLA_LOG_LEVEL: 'debug',
      FLOTILLA_OPS_PORT: '0',
      PORT: undefined,
      ...env,
    },
  });
}

/** Starts a pod and waits until all its workers are ready. */
export async function startPod(start: PodStart = {}): Promise<RunningPod> {
  const program = startCommand(start);
  const logged = async (pattern: RegExp, times = 1): Promise<LogLine[]> => {
    const line = new RegExp(`(?:"msg":"[^"]*(?:${pattern.source})[^\\n]*\\n[\\s\\S]*?){${times}}`);
    await program.says(line);
    return linesOf(program).filter((each) => pattern.test(each.msg));
  };
  const [listening] = await logged(/listening on/);
  if (!start.listeningOnly) await logged(/all \d+ workers are ready/);
  const port = listening?.port as number;
  return {
    program,
    port,
    url: `${start.tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    log: () => linesOf(program),
    logged,
    stop: (signal) => program.stop(signal),
  };
}

export function linesOf(program: Program): LogLine[] {
  return program
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line) as LogLine);
}
