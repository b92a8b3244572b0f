import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { json } from '../launcher/support/http';
import { linesOf, startCommand } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';
import { APP, startFixture, until } from './support/pod';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'once-'));
  file = join(folder, 'done');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const doneBy = () => readFileSync(file, 'utf8').trim().split('\n');

describe('what is done once', () => {
  test('runs in one worker of the fleet, the other pods wait for it, and neither a restart nor a new pod repeats it', async () => {
    const redis = await RedisServer.start();
    const start = (name: string, listeningOnly: boolean) =>
      startFixture({
        workers: 1,
        listeningOnly,
        env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: name, FIXTURE_ONCE: file },
      });
    const first = await start('pod-a', true);
    await until(() => existsSync(file));
    const starting = start('pod-b', false);
    const second = startCommand({
      app: APP,
      workers: 1,
      env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: 'pod-c', FIXTURE_ONCE: file },
    });
    await second.says(/waiting for pod pod-a, which does what is done once/);
    writeFileSync(`${file}.go`, '');
    await second.says(/all 1 workers are ready/);
    const pod = await starting;
    await first.logged(/all 1 workers are ready/);
    expect(doneBy()).toEqual(['pod-a']);
    expect((await json<{ migrate: string }>(`${pod.url}/whoami`)).migrate).toBe('safe');

    process.kill((await json<{ pid: number }>(`${first.url}/whoami`)).pid, 'SIGKILL');
    await first.logged(/worker ready/, 2);
    await pod.stop();
    const late = await start('pod-d', false);
    expect(doneBy()).toEqual(['pod-a']);

    await Promise.all([first.stop(), second.stop(), late.stop()]);
    const again = await start('pod-e', false);
    expect(doneBy()).toEqual(['pod-a', 'pod-e']);
    await again.stop();
    await redis.stop();
  }, 120_000);

  test('runs in the first worker without Redis, and a failure stops the lift with the reason', async () => {
    writeFileSync(`${file}.go`, '');
    const pod = await startFixture({ workers: 2, env: { FIXTURE_ONCE: file, FLOTILLA_POD_NAME: 'alone' } });
    expect(doneBy()).toEqual(['alone']);
    await pod.stop();

    const program = startCommand({ app: APP, env: { FIXTURE_ONCE: file, FIXTURE_ONCE_FAILS: '1' } });
    expect((await program.ended()).code).toBe(1);
    const [line] = linesOf(program).slice(-2);
    expect(JSON.stringify(linesOf(program))).toContain(
      'sails.config.flotilla.once.seed failed: the seed of this fixture fails',
    );
    expect(line?.level).toBe(60);
  });
});
