import { RedisCluster } from '../support/redis-cluster';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { redisPlace } from './redis-place';
import { describeSessionStore, type StorePlace } from './store-suite';

interface Stoppable {
  stop(): Promise<void>;
}

/** Stops the server with the place. */
function together(place: StorePlace, server: Stoppable): StorePlace {
  return {
    ...place,
    async stop() {
      await place.stop();
      await server.stop();
    },
  };
}

describeSessionStore('Redis', async () => {
  const server = await RedisServer.start();
  return together(await redisPlace(server.url), server);
});

describeSessionStore('Redis Cluster', async () => {
  const cluster = await RedisCluster.start();
  return together(await redisPlace(cluster.url), cluster);
});

describeSessionStore('C15: Redis with TLS, a user and a password of odd characters', async () => {
  const server = await RedisServer.start({ tls: true, user: { name: 'app', password: 'p@s:s/w' } });
  process.env.FLOTILLA_REDIS_CA = server.certificates?.caFile;
  const place = await redisPlace(server.url);
  delete process.env.FLOTILLA_REDIS_CA;
  return together(place, server);
});

describeSessionStore('Redis behind Sentinels', async () => {
  const sentinel = await RedisSentinel.start();
  return together(await redisPlace(sentinel.url), sentinel);
});
