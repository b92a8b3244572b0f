import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hub } from '../../dist/bus/hub/hub';
import { POD_SESSION_SERVICE } from '../../dist/session/pod-session-protocol';
import { createPodSessionService } from '../../dist/session/pod-session-service';
import { RedisCluster } from '../support/redis-cluster';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { describeSailsSessions } from './sails-suite';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

describeSailsSessions('in the pod store', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-session-'));
  const path = join(folder, 'hub.sock');
  const hub = new Hub({ podTag: 'pod1', podName: 'pod', log: silent });
  const sessions = createPodSessionService();
  hub.offer(POD_SESSION_SERVICE, sessions);
  await hub.listen(path);
  Object.assign(process.env, { FLOTILLA_HUB: path, FLOTILLA_POD: 'pod1', FLOTILLA_POD_NAME: 'pod' });
  return {
    config: {},
    async stop() {
      for (const name of ['FLOTILLA_HUB', 'FLOTILLA_POD', 'FLOTILLA_POD_NAME']) delete process.env[name];
      await hub.close();
      sessions.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

describeSailsSessions('in Redis', async () => {
  const redis = await RedisServer.start();
  return { config: { flotilla: { redis: redis.url } }, stop: () => redis.stop() };
});

describeSailsSessions('in Redis, by name', async () => {
  const redis = await RedisServer.start({ password: 'x' });
  const session = { adapter: 'sails-hook-flotilla/session', url: redis.url, prefix: 'app:' };
  return { config: { flotilla: { redis: redis.url }, session }, stop: () => redis.stop() };
});

describeSailsSessions('in a Redis Cluster', async () => {
  const cluster = await RedisCluster.start();
  return { config: { flotilla: { redis: cluster.url } }, stop: () => cluster.stop() };
});

describeSailsSessions('in Redis behind Sentinels', async () => {
  const sentinel = await RedisSentinel.start();
  return { config: { flotilla: { redis: sentinel.url } }, stop: () => sentinel.stop() };
});
