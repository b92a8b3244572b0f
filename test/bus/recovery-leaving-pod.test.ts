import { createRequire } from 'node:module';
import { afterEach, expect, it, vi } from 'vitest';
import type { HubRecovery as HubRecoveryClass } from '../../dist/bus/recovery/hub-recovery';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisServer } from '../support/redis-server';
import { RoamingClient } from './recovery-pod';
import { startPod, type TestPod, untilServerCount } from './topology';

/** The one that the hubs use: they require it by themselves. */
const { HubRecovery } = createRequire(__filename)('../../dist/bus/recovery/hub-recovery') as {
  HubRecovery: typeof HubRecoveryClass;
};
/** How long a pod waits for another that is asked for a socket. */
const ASK_LIMIT_MS = 1_500;

const ended: Array<() => Promise<unknown> | undefined> = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const end of ended.splice(0).reverse()) await end();
});

/** Guards against a fault: clients that came back just as their pod took its leave waited for an answer that could not come. */
it('a pod that leaves is not waited for: what it has stored is taken', async () => {
  const redis = await RedisServer.start();
  ended.push(() => redis.stop());
  const link = {
    name: 'redis-streams' as const,
    redis: resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings,
  };
  const start = async (name: string): Promise<TestPod> => {
    const pod = await startPod(name, link, { TEST_RECOVERY: '{}' });
    ended.push(() => pod.close());
    return pod;
  };
  const [a, b] = [await start('pod-a'), await start('pod-b')];
  const [a1, b1] = [await a.addServer(), await b.addServer()];
  await Promise.all([a1, b1].map((server) => untilServerCount(server, 2)));
  const roamer = new RoamingClient(a1);
  ended.push(async () => roamer.close());
  await roamer.connect();
  await roamer.join('room');
  const { id } = roamer;
  await roamer.drop();
  await b1.run('emit', { rooms: ['room'], event: 'n', args: [1] });

  // As when the pod hears nothing any more, although it has not said yet that it leaves. Nobody gives up by the clock.
  const asked = vi.spyOn(HubRecovery.prototype, 'asked').mockImplementation(() => {});
  const { setTimeout: really } = globalThis;
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms?: number) =>
    really(ms === ASK_LIMIT_MS ? () => {} : run, ms)) as typeof setTimeout);
  const back = roamer.connect(b1);
  await until(async () => asked.mock.calls.length > 0, 'asked');
  await a.close();
  await back;
  expect([roamer.recovered, roamer.id]).toEqual([true, id]);
  await roamer.until('n', 1);
});
