import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';

/** How a program ended. */
export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Everything it wrote, standard output and error as they came. */
  output: string;
}

/** A program that a test runs as its users do. */
export interface Program {
  readonly pid: number;
  /** What it has written so far. */
  output(): string;
  /** Settles when the output matches; rejects when the program ends before. */
  says(pattern: RegExp): Promise<void>;
  /** Settles when it has ended. */
  ended(): Promise<Ending>;
  /** Asks it to end, and settles when it has. */
  stop(signal?: NodeJS.Signals): Promise<Ending>;
}

/** Starts a program without a terminal. Its environment is this process' with the given changes. */
export function startProgram(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Program {
  const child: ChildProcess = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events = new EventEmitter();
  let output = '';
  let ending: Ending | undefined;
  const take = (chunk: Buffer) => {
    output += chunk.toString();
    events.emit('changed');
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  child.once('error', (error) => take(Buffer.from(`${error.message}\n`)));
  child.once('close', (code, signal) => {
    ending = { code, signal, output };
    events.emit('changed');
  });

  const ended = async () => {
    while (!ending) await once(events, 'changed');
    return ending;
  };
  return {
    pid: child.pid ?? -1,
    output: () => output,
    says: async (pattern) => {
      while (!pattern.test(output)) {
        if (ending)
          throw new Error(`${command} ended (${ending.code ?? ending.signal}) without saying ${pattern}:\n${output}`);
        await once(events, 'changed');
      }
    },
    ended,
    stop: (signal = 'SIGTERM') => {
      if (!ending) child.kill(signal);
      return ended();
    },
  };
}

/** Runs a program to its end; rejects with its output where it fails. */
export async function runProgram(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  const { code, signal, output } = await startProgram(command, args, options).ended();
  if (code === 0) return output;
  throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${output}`);
}
