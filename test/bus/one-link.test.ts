import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Hub } from '../../dist/bus/hub/hub';
import { randomPodTag } from '../../dist/bus/ids';
import { createLink, DEFAULT_LINK, type LinkName } from '../../dist/bus/link/create-link';
import { createEmitter } from '../../dist/emitter';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisServer } from '../support/redis-server';

let redis: RedisServer;
const closers: Array<() => Promise<unknown>> = [];
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => redis?.stop());

function logTo(errors: string[]) {
  return { debug() {}, info() {}, warn() {}, error: (message: string) => errors.push(message) };
}

/** A pod without workers, and the errors that it logs. */
async function startPod(podName: string, name?: LinkName) {
  const errors: string[] = [];
  const log = logTo(errors);
  const hub = new Hub({ podTag: randomPodTag(), podName, log });
  const settings = resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings;
  const link = hub.connect(createLink({ name, redis: settings, podName, log }));
  closers.push(() => hub.close());
  await link.ready();
  return { hub, link, errors };
}

describe('pods of one fleet', () => {
  it('have the link redis-streams where nothing else is set, and nothing to complain of', async () => {
    const a = await startPod('pod-a');
    const b = await startPod('pod-b');
    await until(async () => a.hub.pods().length === 2 && b.hub.pods().length === 2, 'they know each other');
    expect([DEFAULT_LINK, a.link.name, b.link.name]).toEqual(Array(3).fill('redis-streams'));
    expect([...a.errors, ...b.errors]).toEqual([]);
  });

  it('with different links: each says so of the other, once; so does an emitter', async () => {
    const a = await startPod('pod-a', 'redis');
    const b = await startPod('pod-b', 'redis-streams');
    await until(async () => a.errors.length > 0 && b.errors.length > 0, 'both say so');
    const errors: string[] = [];
    const emitter = createEmitter({ redis: redis.url, link: 'redis', log: logTo(errors) });
    closers.push(() => emitter.close());
    await until(async () => errors.length > 0, 'the emitter says so');
    expect(a.errors).toEqual([expect.stringMatching(/pod-b has the link redis-streams, this process redis:/)]);
    expect(b.errors).toEqual([expect.stringMatching(/pod-a has the link redis, this process redis-streams:/)]);
    expect(errors).toEqual([expect.stringMatching(/pod-b has the link redis-streams/)]);
  });
});
