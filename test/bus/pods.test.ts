import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { busSuite } from './suite';
import { inTwoPods } from './topology';

const settings = (code: unknown) => resolveRedisSettings({ code, env: {} }) as RedisSettings;

busSuite(
  'two pods of two workers on the link redis-streams',
  async () => {
    const redis = await RedisServer.start();
    return inTwoPods({ name: 'redis-streams', redis: settings(redis.url) }, () => redis.stop());
  },
  { ownProcesses: true },
);

busSuite(
  'two pods of two workers on the link redis-streams, over a cluster of three nodes',
  async () => {
    const cluster = await RedisCluster.start();
    return inTwoPods({ name: 'redis-streams', redis: settings(cluster.url) }, () => cluster.stop());
  },
  { ownProcesses: true },
);

busSuite(
  'two pods of two workers on the link redis-streams, behind Sentinel',
  async () => {
    const sentinel = await RedisSentinel.start();
    return inTwoPods({ name: 'redis-streams', redis: settings(sentinel.url) }, () => sentinel.stop());
  },
  { ownProcesses: true },
);
