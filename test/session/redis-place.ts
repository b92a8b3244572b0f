import { Cluster } from 'ioredis';
import { createRedisClients, resolveRedisSettings } from '../../dist/redis';
import { openRedisSessions } from '../../dist/session/redis-sessions';
import type { StorePlace } from './store-suite';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A Redis at this address as a place for sessions, with a client of the test's own beside. */
export async function redisPlace(url: string, config: object = {}) {
  const redis = resolveRedisSettings({ code: url });
  if (!redis) throw new Error('no Redis');
  const own = createRedisClients(redis, { owner: 'test' });
  const client = own.commands('test');
  await own.ready();
  const opened: { close(): Promise<void> }[] = [];
  const place: StorePlace = {
    newStore(expressSession, settings) {
      const sessions = openRedisSessions({ ...settings, config, redis, owner: 'worker', log: silent });
      opened.push(sessions);
      return new (sessions.adapter(expressSession))();
    },
    async ttlMs(sid) {
      const ttlMs = await client.pttl(`sess:${sid}`);
      return ttlMs < 0 ? undefined : ttlMs;
    },
    async stop() {
      await Promise.all([...opened, own].map((each) => each.close()));
    },
  };
  return { ...place, client, isCluster: client instanceof Cluster };
}
