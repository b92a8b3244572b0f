import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub } from '../../../dist/bus/hub/hub.js';
import { podTagOf } from '../../../dist/bus/identity.js';
import { createPodSessionService } from '../../../dist/session/pod-session-service.js';

/** Worker processes around a hub in this process. */
export interface TestFleet {
  urls: string[];
  workers: ChildProcess[];
  /** What tells a process where the hub is. */
  env: Record<string, string>;
  close(): Promise<void>;
}

const silent = { debug: () => undefined, info: () => undefined, warn: console.warn, error: console.error };

/**
 * Starts a hub here and this many workers in processes of their own.
 * @param flotilla what they have as `sails.config.flotilla`
 */
export async function startFleet(count: number, flotilla: Record<string, unknown> = {}): Promise<TestFleet> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
  const path = join(folder, 'hub.sock');
  const podTag = podTagOf(path);
  const hub = new Hub({ podTag, podName: 'test-pod', log: silent });
  const sessions = createPodSessionService({});
  hub.offer('session', sessions);
  await hub.listen(path);
  const env = { FLOTILLA_HUB: path, FLOTILLA_POD: podTag, FLOTILLA_POD_NAME: 'test-pod' };
  const fleet = await startWorkers(count, (number) => ({
    ...env,
    FLOTILLA_WORKER: String(number),
    TEST_FLOTILLA: JSON.stringify(flotilla),
  }));
  return {
    ...fleet,
    env,
    async close() {
      await fleet.close();
      sessions.close();
      await hub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts workers as pm2 does: there is no primary to ask, so they elect one of them to hold the hub. */
export async function startElectedFleet(count: number): Promise<TestFleet> {
  const appPath = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));
  const fleet = await startWorkers(count, (number) => ({ pm_id: String(number), TEST_APP_PATH: appPath }));
  return {
    ...fleet,
    async close() {
      await fleet.close();
      rmSync(appPath, { recursive: true, force: true });
    },
  };
}

async function startWorkers(count: number, envOf: (number: number) => Record<string, string>): Promise<TestFleet> {
  const workers: ChildProcess[] = [];
  const urls: string[] = [];
  for (let number = 1; number <= count; number += 1) {
    workers.push(fork(join(__dirname, 'fleet-worker.cjs'), { env: { ...process.env, ...envOf(number) } }));
  }
  for (const worker of workers) {
    const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
    urls.push(`http://127.0.0.1:${port}`);
  }
  return {
    urls,
    workers,
    env: {},
    async close() {
      await Promise.all(
        workers.map(async (worker) => {
          if (worker.exitCode !== null || worker.signalCode !== null) return;
          const exited = once(worker, 'exit');
          worker.send('lower');
          await exited;
        }),
      );
    },
  };
}
