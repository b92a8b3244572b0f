import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OnceLock } from '../../dist/launcher/life-cycle/once-lock';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { startProgram } from '../support/program';
import { RedisServer } from '../support/redis-server';
import { APP, until } from './support/pod';

const FIXTURE = join(__dirname, 'fixtures', 'hold-once-lock.cjs');
/** In place of 15 seconds. */
const LEASE_MS = 1_500;
const log = { debug() {}, info() {}, warn() {}, error() {} } as never;

let redis: RedisServer;
let settings: RedisSettings;
beforeEach(async () => {
  redis = await RedisServer.start();
  settings = resolveRedisSettings({ code: redis.url }) as RedisSettings;
});
afterEach(() => redis.stop());

function holder() {
  const document = JSON.stringify(settings.toDocument());
  return startProgram(process.execPath, [FIXTURE, document, APP, String(LEASE_MS)], { cwd: __dirname });
}

function lockOf(podName: string): OnceLock {
  return new OnceLock({ redis: settings, podName, appPath: APP, hasOthers: () => true, leaseMs: LEASE_MS, log });
}

async function key(): Promise<string> {
  return (await redis.cli('KEYS', '*once:*')).trim();
}

describe('the lock of what is done once', () => {
  test('outlives its lease while its holder lives, and passes on when that is killed', async () => {
    const holding = holder();
    await holding.says(/holds: true/);
    const waiting = lockOf('second');
    let isAcquired: boolean | undefined;
    const acquiring = waiting.acquire().then((answer) => {
      isAcquired = answer;
    });
    const name = await key();
    // each renewal brings the time to live back up
    let renewals = 0;
    let before = Number.POSITIVE_INFINITY;
    await until(async () => {
      const left = Number(await redis.cli('PTTL', name));
      if (left > before) renewals += 1;
      before = left;
      return renewals >= 4;
    });
    expect(isAcquired).toBeUndefined();
    expect(await redis.cli('GET', name)).toMatch(/^holder /);

    await holding.stop('SIGKILL');
    await acquiring;
    expect(isAcquired).toBe(true);
    expect(await redis.cli('GET', name)).toMatch(/^second /);
    await waiting.done();
    await waiting.close();
    expect((await redis.cli('GET', name)).trim()).toBe('done');
  });

  test('passes on at once when its holder gives up, and those who waited do not repeat what is done', async () => {
    const first = lockOf('first');
    expect(await first.acquire()).toBe(true);
    const second = lockOf('second');
    const third = lockOf('third');
    const answers = [second, third].map((lock) => lock.acquire());
    await first.close();
    const [winner, loser] =
      (await Promise.race(answers.map((answer, index) => answer.then(() => index)))) === 0
        ? [second, third]
        : [third, second];
    await winner.done();
    expect((await Promise.all(answers)).sort()).toEqual([false, true]);
    await Promise.all([winner.close(), loser.close()]);
  });
});
