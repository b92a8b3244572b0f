import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declareBusMetrics, declareHubMetrics } from '../../dist/metrics/bus-metrics';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { startPod, type TestPod } from '../bus/topology';
import { RedisServer } from '../support/redis-server';

describe('the metrics of the bus', () => {
  let redis: RedisServer;
  let pod: TestPod;
  const registry = new Registry();

  beforeAll(async () => {
    redis = await RedisServer.start();
    pod = await startPod('pod', { redis: resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings });
    await pod.addServer();
    await pod.link.ready();
    declareBusMetrics(registry, () => pod.hub.snapshot());
    declareHubMetrics(registry, () => pod.hub.snapshot());
  });
  afterAll(async () => {
    await pod?.close();
    await redis?.stop();
  });

  const value = async (line: string): Promise<number> => {
    const found = (await registry.metrics()).split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? Number.NaN : Number(found.slice(line.length));
  };

  it('tell of messages, members and the link as they are', async () => {
    const linkBefore = await value('flotilla_bus_messages_total{tier="link",direction="out"}');
    const localBefore = await value('flotilla_bus_messages_total{tier="local",direction="in"}');
    const [server] = pod.servers;
    for (let round = 0; round < 10; round++) await server?.run('emit', { rooms: ['room'], event: 'x' });
    await server?.run('table');
    expect(await value('flotilla_bus_messages_total{tier="local",direction="in"}')).toBeGreaterThanOrEqual(
      localBefore + 11,
    );
    expect(await value('flotilla_bus_messages_total{tier="link",direction="out"}')).toBeGreaterThanOrEqual(
      linkBefore + 10,
    );
    expect(await value('flotilla_fleet_pods')).toBe(1);
    expect(await value('flotilla_fleet_workers')).toBe(1);
    expect(await value('flotilla_link_state{state="up"}')).toBe(1);
    expect(await value('flotilla_link_state{state="down"}')).toBe(0);
    expect(await value('flotilla_link_subscriptions')).toBeGreaterThanOrEqual(3);
    expect(await value('flotilla_link_reconnects_total')).toBe(0);
  });

  it('count what is dropped by its reason', async () => {
    pod.hub.counters.dropped('malformed');
    expect(await value('flotilla_bus_dropped_total{reason="malformed"}')).toBe(1);
    // Reading twice does not count twice.
    expect(await value('flotilla_bus_dropped_total{reason="malformed"}')).toBe(1);
  });
});
