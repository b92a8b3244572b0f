import { DEFAULT_LINK } from '../../bus/link/create-link';
import { messageOf } from '../../launcher/errors';
import { checkRedis, RedisSettings } from '../../redis';
import type { AppReport } from './app-report';
import { type Finding, fail, ok, skip, warn } from './finding';
import { checkAppLink, checkLogMemory } from './link';

const OLDEST = 6;

/** Redis: whether it is there, of which version, whether it would throw away what is kept there, and whether pods can talk over it. */
export async function checkAppRedis(app: AppReport): Promise<Finding[]> {
  const { redis, redisTrouble, session, link } = app;
  if (redisTrouble) return [fail('redis', redisTrouble, 'Correct the setting; docs/redis.md lists all.')];
  if (!redis) {
    return [skip('redis', 'none is configured: enough for one pod; several need FLOTILLA_REDIS_URL (docs/redis.md)')];
  }
  const settings = RedisSettings.fromDocument(redis);
  const begun = performance.now();
  try {
    const server = await checkRedis(settings);
    const tookMs = Math.round(performance.now() - begun);
    const what = `${settings} answers (${server.product} ${server.version ?? 'of unknown version'}, ${tookMs} ms to connect and ask)`;
    const kept = [
      ...(session.isDisabled ? [] : ['sessions, and people are logged out']),
      ...((link ?? DEFAULT_LINK) === 'redis-streams'
        ? ['messages between pods, and clients that were away have missed something']
        : []),
    ];
    return [
      ok('redis', what),
      checkVersion(server.version),
      checkEviction(server, kept),
      checkLogMemory(app, server),
      await checkAppLink(app),
    ];
  } catch (error) {
    return [
      fail('redis', messageOf(error), 'See docs/redis.md; "redis-cli -u … ping" from this machine tells the same.'),
    ];
  }
}

function checkVersion(version: string | undefined): Finding {
  const name = 'redis version';
  const major = Number.parseInt(version ?? '', 10);
  if (Number.isNaN(major)) return skip(name, 'this user may not ask (INFO)');
  if (major < OLDEST) return fail(name, `${version} is too old`, 'Use Redis 6.2 or later, or Valkey.');
  return ok(name, `${version}`);
}

function checkEviction(
  { evictionPolicy, maxMemoryBytes }: { evictionPolicy: string | undefined; maxMemoryBytes: number | undefined },
  kept: string[],
): Finding {
  const name = 'redis eviction';
  if (evictionPolicy === undefined) return skip(name, 'this user may not ask (INFO)');
  if (evictionPolicy === 'noeviction' || maxMemoryBytes === 0) {
    return ok(name, maxMemoryBytes === 0 ? 'no memory limit (maxmemory 0)' : 'noeviction');
  }
  if (kept.length === 0) return ok(name, `${evictionPolicy}; this app keeps nothing there`);
  return warn(
    name,
    `maxmemory-policy is ${evictionPolicy}: with full memory Redis throws away ${kept.join('; ')}`,
    'Set maxmemory-policy noeviction, or give the fleet a Redis of its own, and watch its memory.',
  );
}
