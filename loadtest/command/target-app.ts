import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface TargetApp {
  url: string;
  pid: number;
  /** Where its launcher tells of all its workers. */
  metricsUrl: string;
  /** Settles when it has ended, however. */
  stop(): Promise<void>;
}

const ROOT = resolve(__dirname, '../..');
const READY_TIMEOUT_MS = 60_000;

/**
 * Starts a Sails app on several workers, on a free port of this machine, with a database of its own.
 * @param app directory of the app
 * @param onLine each line that it writes
 * @throws Error with its last words where it does not come up
 */
export async function startTargetApp(app: string, workers: number, onLine: (line: string) => void): Promise<TargetApp> {
  if (!existsSync(join(app, 'node_modules/sails'))) {
    throw new Error(
      `${app} is not installed: run "npm ci" there, or give TARGET=http://host:port for an app that runs.`,
    );
  }
  const scratch = await mkdtemp(join(tmpdir(), 'flotilla-loadtest-app-'));
  const opsPort = await freePort();
  const child = spawn(
    process.execPath,
    [join(ROOT, 'bin/flotilla.js'), 'start', app, '--workers', `${workers}`, '--port', '0', '--host', '127.0.0.1'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        NODE_ENV: 'development',
        LOADTEST_ROUTES: 'true',
        FLOTILLA_OPS_PORT: `${opsPort}`,
        LIVE_COUNTER_DB: join(scratch, 'live-counter.sqlite'),
        DATABASE_URL: '',
      },
    },
  );
  const ended = new Promise<void>((done) => {
    child.once('close', () => done());
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await ended;
    await rm(scratch, { recursive: true, force: true });
  };
  try {
    const url = await whenReady(child, onLine);
    return { url, pid: child.pid as number, metricsUrl: `http://127.0.0.1:${opsPort}/metrics`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function whenReady(child: ChildProcess, onLine: (line: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let url: string | undefined;
    const last: string[] = [];
    const timer = setTimeout(() => fail(`was not ready within ${READY_TIMEOUT_MS / 1000} s`), READY_TIMEOUT_MS);
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`The app ${why}:\n${last.join('\n')}`));
    };
    let rest = '';
    const take = (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) {
        onLine(line);
        last.push(line);
        if (last.length > 20) last.shift();
        url ??= /listening on (http:\/\/[^\s]+)/.exec(line)?.[1];
        if (url && /all \d+ workers are ready/.test(line)) {
          clearTimeout(timer);
          resolve(url);
        }
      }
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (code, signal) => fail(`ended by ${signal ?? `exit code ${code}`} before it was ready`));
    child.once('error', (error) => fail(error.message));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
