import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { podTagOf } from '../../dist/bus/identity';
import { partitionedChannels } from '../../dist/bus/link/channels';
import type { LinkName } from '../../dist/bus/link/create-link';
import { RedisCluster } from '../support/redis-cluster';
import { until } from '../support/redis-process';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { Audience } from './audience';
import { forkHub, forkPod, forkPods, kill, podNames, stopAll, untilAcquainted, untilUp } from './pod-processes';
import { forkServer, type TestServer, untilServerCount } from './topology';

/** Has something done at the end of a test, whose last order is carried out first. */
type AtEnd = TestContext['onTestFinished'];

/** Two pods on a Redis, with a client each. */
async function twoPods(atEnd: AtEnd, redis: { url: string; stop(): Promise<void> }, env?: NodeJS.ProcessEnv) {
  atEnd(() => redis.stop());
  const pods = (await forkPods(['pod-a', 'pod-b'], redis.url, env)) as [TestServer, TestServer];
  atEnd(() => stopAll(pods));
  return { pods, audience: await audienceOf(atEnd, pods) };
}

async function audienceOf(atEnd: AtEnd, servers: TestServer[]): Promise<Audience> {
  const audience = await Audience.of(servers);
  atEnd(() => audience.close());
  return audience;
}

function expectAlive(servers: TestServer[]): void {
  for (const { name, process: child } of servers) expect(child?.exitCode ?? child?.signalCode, name).toBeNull();
}

/**
 * What pods do when processes and Redis fail.
 * @param link its name
 * @param onCluster that on a Redis Cluster
 */
export function podFaultsSuite(link: LinkName, onCluster = link): void {
  beforeAll(() => {
    process.env.TEST_LINK = link;
  });
  afterAll(() => {
    delete process.env.TEST_LINK;
  });

  // At the same time: what they take is the time after which a pod that says nothing counts as gone.
  describe.concurrent('a pod', () => {
    it('SIGSTOP beyond the heartbeat timeout, then SIGCONT: it goes on where it was', async ({
      onTestFinished: atEnd,
    }) => {
      const { pods, audience } = await twoPods(atEnd, await RedisServer.start());
      const [a, b] = pods;
      const bIds = [audience.at(b).socket.id];
      a.process?.kill('SIGSTOP');
      await until(async () => !(await podNames(b)).includes('pod-a'), 'pod b gives pod a up');
      // The other goes on without it, and does not wait for it.
      expect((await b.run('fetchSockets', { timeout: 30_000 })).sockets.map(({ id }: { id: string }) => id)).toEqual(
        bIds,
      );
      await audience.expectExactDelivery('while pod a is stopped', { origins: [b], listeners: [audience.at(b)] });
      a.process?.kill('SIGCONT');
      // It has not heard of pod b for as long, and knows that this is its own fault.
      const { sockets } = await a.run('fetchSockets', { timeout: 5_000 });
      expect(sockets.map(({ id }: { id: string }) => id).sort()).toEqual(
        audience.listeners.map(({ socket }) => socket.id).sort(),
      );
      await untilAcquainted(pods);
      expect((await a.run('linkStatus')).deafRebuilds).toBe(0);
      await audience.expectExactDelivery('after it went on');
      expectAlive(pods);
    });

    it('that was busy for longer than all timeouts finds neither the others gone nor itself deaf', async ({
      onTestFinished: atEnd,
    }) => {
      const { pods, audience } = await twoPods(atEnd, await RedisServer.start());
      const [a] = pods;
      const { sockets } = await a.run('fetchSocketsAfterPause', { pauseMs: 6_000, timeout: 5_000 });
      expect(sockets).toHaveLength(2);
      await audience.expectExactDelivery('after the pause');
      expect(await a.run('linkStatus')).toMatchObject({ deafRebuilds: 0, reconnects: 0 });
    });

    it('SIGKILL: questions name it while it is missed, and do without it afterwards', async ({
      onTestFinished: atEnd,
    }) => {
      const { pods, audience } = await twoPods(atEnd, await RedisServer.start());
      const [a, b] = pods;
      await kill(b.process as NonNullable<typeof b.process>);
      expect(await a.run('fetchSockets', { timeout: 300 })).toMatchObject({
        error: 'timeout reached: missing 1 responses',
        silent: ['pod-b'],
        responses: [audience.at(a).socket.id],
      });
      // Also where it is given up before the deadline: nobody knows what it would have said.
      expect(await a.run('joinAnywhere', { target: { rooms: [] }, rooms: ['x'] })).toEqual({
        matched: 1,
        silent: ['pod-b'],
      });
      await untilServerCount(a, 1);
      expect((await a.run('fetchSockets', { timeout: 30_000 })).sockets).toHaveLength(1);
    });

    it('C12: that is lost while it is asked is named, long before the deadline', async ({ onTestFinished: atEnd }) => {
      const { pods, audience } = await twoPods(atEnd, await RedisServer.start());
      const [a, b] = pods;
      await kill(b.process as NonNullable<typeof b.process>);
      expect(await a.run('fetchSockets', { timeout: 600_000 })).toMatchObject({
        error: 'timeout reached: missing 1 responses',
        silent: ['pod-b'],
        responses: [audience.at(a).socket.id],
      });
    });

    it('that is started again at once under the same name is not waited for twice', async ({
      onTestFinished: atEnd,
    }) => {
      const redis = await RedisServer.start();
      const { pods } = await twoPods(atEnd, redis, {});
      const [a, b] = pods;
      await kill(b.process as NonNullable<typeof b.process>);
      const again = await forkPod('pod-b', redis.url);
      atEnd(() => stopAll([again]));
      await untilAcquainted([a, again]);
      const audience = await audienceOf(atEnd, [a, again]);
      await audience.expectExactDelivery('after the restart');
    });

    it('C12: asks the others from its first moment on', async ({ onTestFinished: atEnd }) => {
      const redis = await RedisServer.start();
      const { audience } = await twoPods(atEnd, redis);
      const ids = audience.listeners.map(({ socket }) => socket.id).sort();
      for (let round = 0; round < 3; round++) {
        const added = await forkPod(`pod-${round}`, redis.url);
        atEnd(() => stopAll([added]));
        const { sockets } = await added.run('fetchSockets', { timeout: 2_000 });
        expect(sockets?.map(({ id }: { id: string }) => id).sort()).toEqual(ids);
      }
    });
  });

  describe.concurrent('a primary', () => {
    it('SIGKILL: its workers live on, and are whole again with the next', async ({ onTestFinished: atEnd }) => {
      const redis = await RedisServer.start();
      atEnd(() => redis.stop());
      const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
      atEnd(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, 'hub.sock');
      const env = { TEST_HUB: path, TEST_POD_TAG: podTagOf(path), TEST_REDIS: redis.url, FLOTILLA_POD_NAME: 'pod-a' };
      const primary = await forkHub(env);
      const other = await forkPod('pod-b', redis.url);
      const workers = await Promise.all(
        [1, 2].map((number) =>
          forkServer({ FLOTILLA_HUB: path, FLOTILLA_POD_NAME: 'pod-a', FLOTILLA_WORKER: String(number) }),
        ),
      );
      const servers = [other, ...workers];
      atEnd(() => stopAll(servers));
      await Promise.all(servers.map((server) => untilServerCount(server, 3)));
      const audience = await audienceOf(atEnd, servers);
      await audience.expectExactDelivery('at the start');

      await kill(primary);
      expect(await other.run('fetchSockets', { timeout: 300 })).toMatchObject({ silent: ['pod-a'] });
      for (const worker of workers) {
        await audience.expectExactDelivery('without a primary', {
          origins: [worker],
          listeners: [audience.at(worker)],
        });
      }
      const room = 'joined without a primary';
      await audience.listeners[1]?.socket.emit('join', room);

      const next = await forkHub(env);
      atEnd(() => kill(next));
      await Promise.all(workers.map((server) => untilServerCount(server, 3)));
      // The old hub is still missed for a while, the new one is there already.
      await until(async () => (await podNames(other)).join() === 'pod-a,pod-b', 'only the new hub is left');
      await audience.expectExactDelivery('with the next primary');
      await audience.expectExactDelivery('with the next primary', {
        rooms: [room],
        listeners: [audience.listeners[1] as never],
      });
      expectAlive(servers);
    });
  });

  describe('Redis', () => {
    it('C09: is down when the pods start; they serve by themselves, and join when it comes', async ({
      onTestFinished: atEnd,
    }) => {
      const redis = await RedisServer.start();
      atEnd(() => redis.stop());
      await redis.kill();
      const pods = await Promise.all(['pod-a', 'pod-b'].map((name) => forkPod(name, redis.url)));
      atEnd(() => stopAll(pods));
      const audience = await audienceOf(atEnd, pods);
      for (const pod of pods) {
        expect((await pod.run('linkStatus')).state).toBe('connecting');
        await audience.expectExactDelivery('alone', { origins: [pod], listeners: [audience.at(pod)] });
      }
      await redis.restart();
      await untilAcquainted(pods);
      await audience.expectExactDelivery('together');
      for (const pod of pods) expect(await pod.run('linkChanges'), 'there was no link to lose').toEqual([]);
      expectAlive(pods);
    });

    it('Sentinel fails over under traffic', async ({ onTestFinished: atEnd }) => {
      const sentinel = await RedisSentinel.start();
      const { pods, audience } = await twoPods(atEnd, sentinel);
      const [a, b] = pods;
      const got: number[] = [];
      audience.at(b).socket.on('traffic', (_origin: string, index: number) => got.push(index));
      await a.run('startTraffic', { rooms: ['everyone'], event: 'traffic', origin: a.name, everyMs: 10 });
      await until(async () => got.length > 10, 'traffic arrives');
      await sentinel.failover();
      await Promise.all(pods.map((pod) => untilUp(pod, 1)));
      const before = got.length;
      await until(async () => got.length > before + 10, 'traffic arrives again');
      await a.run('stopTraffic');
      await audience.expectExactDelivery('after the failover');
      expect(got, 'in order, no copy twice').toEqual([...new Set(got)].sort((x, y) => x - y));
      expectAlive(pods);
    });

    it('Cluster moves a slot under traffic', async ({ onTestFinished: atEnd }) => {
      const cluster = await RedisCluster.start();
      const { pods, audience } = await twoPods(atEnd, cluster, { TEST_LINK: onCluster });
      const [a, b] = pods;
      const channel =
        onCluster === 'redis-streams'
          ? 'flotilla:bus:{log}'
          : partitionedChannels('flotilla:', 64).room('/', 'everyone');
      const { index, slot } = await cluster.ownerOf(channel);
      const got: number[] = [];
      audience.at(b).socket.on('traffic', (_origin: string, number: number) => got.push(number));
      await a.run('startTraffic', { rooms: ['everyone'], event: 'traffic', origin: a.name, everyMs: 10 });
      for (const [from, to] of [
        [index, (index + 1) % 3],
        [(index + 1) % 3, index],
      ] as const) {
        await until(async () => got.length > 10, 'traffic arrives');
        await cluster.moveSlot(slot, from, to);
        const last = (await a.run('trafficSent')) as number;
        await until(async () => (got.at(-1) ?? 0) > last, 'traffic arrives over the other node', 30_000);
        await audience.expectExactDelivery('after the move');
      }
      await a.run('stopTraffic');
      expect(got, 'in order, no copy twice').toEqual([...new Set(got)].sort((x, y) => x - y));
      expectAlive(pods);
    });
  });

  describe('C14: two releases on one Redis', () => {
    it('have nothing to do with each other', async ({ onTestFinished: atEnd }) => {
      const redis = await RedisServer.start();
      atEnd(() => redis.stop());
      const [ours, theirs] = await Promise.all([
        forkPods(['ours-a', 'ours-b'], `${redis.url}/0`, { FLOTILLA_NAMESPACE: 'production' }),
        forkPods(['theirs'], `${redis.url}/1`, { FLOTILLA_NAMESPACE: 'staging' }),
      ]);
      atEnd(() => stopAll([...ours, ...theirs]));
      const audience = await audienceOf(atEnd, [...ours, ...theirs]);
      const [a] = ours as [TestServer];
      const [their] = theirs as [TestServer];
      const foreign: string[] = [];
      audience.at(their).socket.onAny((event: string, ...args: unknown[]) => {
        if (event !== 'numbered' || !String(args[1]).startsWith('theirs')) foreign.push(event);
      });
      const own = ours.map((server) => audience.at(server));
      await audience.expectExactDelivery('a broadcast', { origins: ours, listeners: own });
      await a.run('emit', { event: 'blast' });
      await a.run('socketsJoin', { join: ['joined'] });
      await a.run('emit', { rooms: ['joined'], event: 'to-joined' });
      await a.run('socketsLeave', { leave: ['everyone'] });
      expect((await a.run('fetchSockets')).sockets).toHaveLength(2);
      expect(await a.run('serverCount')).toBe(2);
      expect(await podNames(their)).toEqual(['theirs']);
      await a.run('disconnectSockets', { rooms: ['joined'], close: true });
      // Their client is still there, in its room, not in ours.
      await audience.expectExactDelivery('theirs', { origins: theirs, listeners: [audience.at(their)] });
      expect(await their.run('localRooms')).not.toContain('joined');
      expect(foreign).toEqual([]);
    });
  });

  describe('C15: Redis with TLS only, a user of its own, and a password full of signs', () => {
    it('takes one URL and the certificate authority', async ({ onTestFinished: atEnd }) => {
      const redis = await RedisServer.start({ tls: true, user: { name: 'app', password: 'p@ss:w/rd' } });
      expect(redis.url).toContain('rediss://app:p%40ss%3Aw%2Frd@');
      const { pods, audience } = await twoPods(atEnd, redis, { FLOTILLA_REDIS_CA: redis.certificates?.caFile });
      await audience.expectExactDelivery('over TLS');
      expectAlive(pods);
    });
  });
}
