import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { json } from '../launcher/support/http';
import { REPOSITORY, type RunningPod, startPod } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';

interface Boats {
  pid: number;
  worker: string;
  boats: Array<{ name: string; masts: number }>;
}

let folder: string;
let redis: RedisServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'migration-'));
  redis = await RedisServer.start();
  cpSync(join(__dirname, 'fixtures', 'migrating-app'), join(folder, 'app'), { recursive: true });
  // Sails takes hooks from the app's own node_modules
  mkdirSync(join(folder, 'app', 'node_modules'));
  for (const name of ['sails', 'sails-disk', 'sails-hook-orm']) {
    symlinkSync(join(REPOSITORY, 'node_modules', name), join(folder, 'app', 'node_modules', name));
  }
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await redis?.stop();
});

describe('a migration, models.migrate "alter"', () => {
  const migrations = () => readFileSync(join(folder, 'migrations'), 'utf8').trim().split('\n');
  const start = (name: string): Promise<RunningPod> =>
    startPod({
      app: join(folder, 'app'),
      env: {
        FLOTILLA_REDIS_URL: redis.url,
        FLOTILLA_POD_NAME: name,
        FIXTURE_MIGRATIONS: join(folder, 'migrations'),
        FIXTURE_DATA: join(folder, 'data'),
      },
    });
  const boatsOf = (pod: RunningPod) => json<Boats>(`${pod.url}/boats`);

  test('runs in one worker of two pods that start at once, and never again at a restart, a reload or in a later pod', async () => {
    const pods = await Promise.all(['pod-a', 'pod-b'].map(start));
    const [first] = pods as [RunningPod, RunningPod];
    const once = migrations();
    expect(once).toEqual([expect.stringMatching(/^pod-[ab]\/1 boat$/)]);

    const { pid } = await boatsOf(first);
    process.kill(pid, 'SIGKILL');
    await first.logged(/worker ready/, 3);
    process.kill(first.program.pid, 'SIGHUP');
    await first.logged(/reload: done/);
    expect((await boatsOf(first)).boats).toEqual([]);
    const late = await start('pod-c');
    expect(migrations()).toEqual(once);
    await Promise.all([...pods, late].map((pod) => pod.stop()));
  }, 120_000);
});
