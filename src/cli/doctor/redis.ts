import { messageOf } from '../../launcher/errors';
import { checkRedis, RedisSettings } from '../../redis';
import type { AppReport } from './app-report';
import { type Finding, fail, ok, skip, warn } from './finding';

const OLDEST = 6;

/** Redis: whether it is there, of which version, and whether it would throw sessions away. */
export async function checkAppRedis({ redis, redisTrouble, session }: AppReport): Promise<Finding[]> {
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
    return [ok('redis', what), checkVersion(server.version), checkEviction(server, session.isDisabled)];
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
  hasNoSessions: boolean,
): Finding {
  const name = 'redis eviction';
  if (evictionPolicy === undefined) return skip(name, 'this user may not ask (INFO)');
  if (evictionPolicy === 'noeviction' || maxMemoryBytes === 0) {
    return ok(name, maxMemoryBytes === 0 ? 'no memory limit (maxmemory 0)' : 'noeviction');
  }
  if (hasNoSessions) return ok(name, `${evictionPolicy}; this app keeps no sessions there`);
  return warn(
    name,
    `maxmemory-policy is ${evictionPolicy}: with full memory Redis throws sessions away, and people are logged out`,
    'Set maxmemory-policy noeviction, or give sessions a Redis of their own, and watch its memory.',
  );
}
