import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A running redis-server (or Sentinel) that a test has started. Everything is bound to 127.0.0.1. */
export interface RedisProcess {
  readonly pid: number;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

function find(...names: string[]): string {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      if (existsSync(join(folder, name))) return join(folder, name);
    }
  }
  throw new Error(
    `These tests need ${names.join(' or ')} in PATH: install redis-server (Debian, Ubuntu) or redis (Homebrew).`,
  );
}

/** A folder under the system's temporary one; the caller removes it. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'flotilla-redis-'));
}

export function removeFolder(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** Starts redis-server with these arguments and waits until it accepts connections. */
export async function startRedisProcess(args: string[], folder: string): Promise<RedisProcess> {
  const child = spawn(find('redis-server', 'valkey-server'), args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const guard = guardAgainstOrphans(child.pid as number, folder);
  const exited = once(child, 'exit').then(() => void guard.kill('SIGKILL'));
  try {
    await accepting(child);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    throw error;
  }
  return {
    pid: child.pid as number,
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
}

/**
 * Ends the server and removes its folder when this process ends without having done so, however it ends: the guard
 * waits for the end of a pipe that only this process holds open.
 */
function guardAgainstOrphans(pid: number, folder: string): ChildProcess {
  const script = 'read -r _; kill -9 "$1"; rm -rf "$2"';
  const guard = spawn('/bin/sh', ['-c', script, 'sh', String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  return guard;
}

function accepting(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const onData = (chunk: Buffer): void => {
      output += chunk.toString();
      if (!/Ready to accept connections|Sentinel ID is/.test(output)) return;
      child.off('exit', onExit);
      // Somebody has to read on, or the server blocks on a full pipe.
      child.stdout?.off('data', onData).resume();
      child.stderr?.off('data', onData).resume();
      resolve();
    };
    const onExit = (): void => reject(new Error(`redis-server did not start:\n${output}`));
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
    child.once('exit', onExit);
    child.once('error', reject);
  });
}

/** Runs redis-cli; rejects where it fails or Redis answers with an error. */
export function redisCli(args: string[], password?: string): Promise<string> {
  const env = { ...process.env, ...(password === undefined ? {} : { REDISCLI_AUTH: password }) };
  return new Promise((resolve, reject) => {
    execFile(find('redis-cli', 'valkey-cli'), ['-e', '-h', '127.0.0.1', ...args], { env }, (error, stdout, stderr) => {
      if (error) reject(new Error(`redis-cli ${args.join(' ')}: ${stdout}${stderr}`));
      else resolve(stdout.trim());
    });
  });
}

/** Polls until the condition holds; for states of Redis that it announces to nobody. */
export async function until(condition: () => Promise<boolean>, what: string, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
