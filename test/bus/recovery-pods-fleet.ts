import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { RedisServer } from '../support/redis-server';
import { forkPod, untilUp } from './pod-processes';
import type { RoamedFleet } from './recovery-history';
import { startPod, stopProcess, untilServerCount } from './topology';

/** A pod of two workers, and two pods that are one process each; whoever is killed, the others know all that is needed. */
export async function threePods(): Promise<RoamedFleet> {
  const redis = await RedisServer.start();
  const name = 'redis-streams' as const;
  const settings = resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings;
  const pod = await startPod('pod-a', { name, redis: settings }, { TEST_RECOVERY: '{}' });
  let started = 0;
  const startAlone = () => forkPod(`pod-${++started}`, redis.url, { TEST_LINK: name, TEST_RECOVERY: '{}' });
  const servers = [await pod.addServer(), await pod.addServer(), await startAlone(), await startAlone()];
  const all = new Set(servers);
  await Promise.all(servers.map((server) => untilServerCount(server, servers.length)));
  return {
    servers,
    replace: async (victim) => {
      await stopProcess(victim);
      all.delete(victim);
      const isWorker = victim.name.startsWith('pod-a/');
      const successor = await (isWorker ? pod.addServer() : startAlone());
      all.add(successor);
      await untilUp(successor);
      return successor;
    },
    close: async () => {
      await Promise.all([...all].map(stopProcess));
      await pod.close();
      await redis.stop();
    },
  };
}
