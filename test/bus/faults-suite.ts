import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinkName } from '../../dist/bus/link/create-link';
import type { LinkStatus } from '../../dist/bus/link/link';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisProxy } from '../support/redis-proxy';
import { RedisServer } from '../support/redis-server';
import { Audience } from './audience';
import { DeafProxy } from './deaf-proxy';
import { startPod, type TestPod, type TestServer, untilServerCount } from './topology';

const log = { debug() {}, info() {}, warn() {}, error() {} };
const settings = (code: unknown) => resolveRedisSettings({ code, env: {} }) as RedisSettings;

/**
 * What workers of two pods hear and are told while the link between them fails, at one pod alone or at both.
 * @param link its name
 */
export function faultsSuite(link: LinkName): void {
  describe(`two pods of two workers on one Redis, link ${link}`, () => {
    let redis: RedisServer;
    let half: RedisProxy;
    let deaf: DeafProxy;
    let a: TestPod;
    let b: TestPod;
    let servers: TestServer[];
    let audience: Audience;
    /** What the link of pod b says it is at the moment in which it reports that it is deaf. */
    const statesWhenDeaf: string[] = [];

    beforeAll(async () => {
      redis = await RedisServer.start();
      // Pod b alone is behind the proxies, so that its link can fail while Redis and the other pod are well.
      half = await RedisProxy.start(redis);
      deaf = await DeafProxy.start(half);
      a = await startPod('pod-a', { name: link, redis: settings(redis.url), log });
      b = await startPod('pod-b', {
        name: link,
        redis: settings(`redis://127.0.0.1:${deaf.port}`),
        log: {
          ...log,
          error: (message: string) => {
            if (/deaf/.test(message)) statesWhenDeaf.push(b.link.status().state);
          },
        },
        probeEveryMs: 200,
        probeTimeoutMs: 1_500,
      });
      servers = [];
      for (const pod of [a, a, b, b]) servers.push(await pod.addServer());
      await Promise.all([a.link.ready(), b.link.ready()]);
      await Promise.all(servers.map((server) => untilServerCount(server, 4)));
      audience = await Audience.of(servers);
    });
    afterAll(async () => {
      audience?.close();
      await a?.close();
      await b?.close();
      await deaf?.stop();
      await half?.stop();
      await redis?.stop();
    });

    const serversOf = (pod: TestPod) => pod.servers;
    const listenersOf = (pod: TestPod) => audience.listeners.filter(({ server }) => pod.servers.includes(server));
    const isUp = (pod: TestPod) => pod.link.status().state === 'up';
    const linkChanges = () => Promise.all(servers.map((server) => server.run('linkChanges') as Promise<boolean[]>));

    /** Every link was lost and is back, and what was sent by then has arrived. */
    async function recovered(before: LinkStatus[], pods = [a, b]): Promise<void> {
      await until(
        async () =>
          pods.every(
            (pod, index) => pod.link.status().reconnects > (before[index] as LinkStatus).reconnects && isUp(pod),
          ),
        'the links are back',
      );
    }

    function expectAlive(): void {
      for (const { name, process: child } of servers) expect(child?.exitCode ?? child?.signalCode, name).toBeNull();
    }

    it('deliver exactly, to begin with', () => audience.expectExactDelivery('at the start'));

    it('C10: subscriptions are back after their connections were killed, those of new rooms too', async () => {
      for (let round = 0; round < 10; round++) {
        const before = [a.link.status(), b.link.status()];
        await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
        const room = `round${round}`;
        const [listener] = listenersOf(b);
        if (round % 2 === 0) await listener?.socket.emitWithAck('join', room);
        await recovered(before);
        await audience.expectExactDelivery(`round ${round}`);
        if (round % 2 === 0)
          await audience.expectExactDelivery(`round ${round}, new room`, {
            rooms: [room],
            listeners: [listener as never],
          });
      }
      expectAlive();
    });

    it('half-open: a connection that brings nothing is noticed, and same-pod delivery goes on', async () => {
      const before = [b.link.status()];
      const changesBefore = await linkChanges();
      half.freeze({ newConnections: 'forwarded' });
      await audience.expectExactDelivery('while it is frozen', { origins: serversOf(b), listeners: listenersOf(b) });
      await recovered(before, [b]);
      await audience.expectExactDelivery('after a half-open connection');
      // The workers of the pod that lost its link heard of it once, the others not.
      expect((await linkChanges()).map((changes, index) => changes.slice(changesBefore[index]?.length))).toEqual([
        [],
        [],
        [false, true],
        [false, true],
      ]);
      expectAlive();
    });

    it('deaf: a link that gets no messages although Redis answers is noticed, told and rebuilt', async () => {
      const before = [b.link.status()];
      statesWhenDeaf.length = 0;
      deaf.deafen();
      await recovered(before, [b]);
      expect(deaf.swallowed).toBeGreaterThan(0);
      // On a machine that is busy for longer than the probes' timeout it is deaf once more.
      expect(new Set(statesWhenDeaf)).toEqual(new Set(['deaf']));
      expect(b.link.status().deafRebuilds).toBe((before[0]?.deafRebuilds ?? 0) + statesWhenDeaf.length);
      expect(b.link.status().subscriptions).toBe(before[0]?.subscriptions);
      await audience.expectExactDelivery('after a deaf link');
      expectAlive();
    });

    it('a restart of Redis', async () => {
      const before = [a.link.status(), b.link.status()];
      await redis.restart();
      await recovered(before);
      await audience.expectExactDelivery('after a restart');
      expectAlive();
    });

    it('C09: Redis stops under traffic, and comes back', async () => {
      const [a1, a2, b1] = servers as [TestServer, TestServer, TestServer];
      const before = [a.link.status(), b.link.status()];
      const changesBefore = await linkChanges();
      const got = audience.listeners.map(() => [] as Array<{ index: number; at: number }>);
      audience.listeners.forEach(({ socket }, index) => {
        socket.on('traffic', (_origin: string, number: number) => got[index]?.push({ index: number, at: Date.now() }));
      });
      await a1.run('startTraffic', { rooms: ['everyone'], event: 'traffic', origin: a1.name, everyMs: 20 });
      await until(async () => (got[2]?.length ?? 0) > 10, 'traffic arrives at the other pod');
      const stoppedAt = Date.now();
      await redis.kill();
      // Longer than a message is worth keeping for another pod.
      const soFar = got[1]?.length ?? 0;
      await until(async () => (got[1]?.length ?? 0) > soFar + 300, 'six seconds of traffic in the same pod');
      for (const server of [a1, a2]) {
        await audience.expectExactDelivery('while Redis is away', {
          origins: [server],
          listeners: listenersOf(a),
        });
      }
      await audience.expectExactDelivery('while Redis is away', { origins: [b1], listeners: listenersOf(b) });
      const backAt = Date.now();
      await redis.restart();
      await recovered(before);
      const sentAt: number[] = await a1.run('stopTraffic');
      expect(a.hub.counters.droppedByReason.get('link-down')).toBeGreaterThan(0);
      await audience.expectExactDelivery('after Redis came back');

      const indices = got.map((messages) => messages.map(({ index }) => index));
      for (const index of [0, 1])
        expect(indices[index], 'same pod: all of it').toEqual(sentAt.map((_, number) => number));
      for (const index of [2, 3]) {
        const others = indices[index] as number[];
        expect(others, 'other pod: in order, no copy twice').toEqual([...new Set(others)].sort((x, y) => x - y));
        const late = got[index]?.filter(({ index: number, at }) => at > backAt && (sentAt[number] as number) < backAt);
        for (const { index: number, at } of late ?? [])
          expect(at - (sentAt[number] as number), 'nothing stale').toBeLessThan(5_000 + 2_000);
        expect(others.length, 'messages of the outage are not kept for long').toBeLessThan(sentAt.length);
        expect(sentAt.filter((at) => at < stoppedAt - 200).every((_, number) => others.includes(number))).toBe(true);
      }
      expect((await linkChanges()).map((changes, index) => changes.slice(changesBefore[index]?.length))).toEqual(
        Array(4).fill([false, true]),
      );
      for (const { socket } of audience.listeners) socket.off('traffic');
      expectAlive();
    });

    it('C09: a worker that starts during an outage hears of it too', async () => {
      const before = [a.link.status(), b.link.status()];
      await redis.kill();
      await until(async () => !isUp(b), 'the outage is noticed');
      const added = await b.addServer();
      await until(async () => (await added.run('linkChanges')).length === 1, 'the new worker knows');
      await redis.restart();
      await recovered(before);
      await until(async () => (await added.run('linkChanges')).length === 2, 'the new worker knows that it is over');
      expect(await added.run('linkChanges')).toEqual([false, true]);
      b.servers.pop();
      const exit = once(added.process as NonNullable<typeof added.process>, 'exit');
      added.process?.kill('SIGKILL');
      await exit;
      await Promise.all(servers.map((server) => untilServerCount(server, 4)));
      await audience.expectExactDelivery('after the worker has gone');
    });
  });
}
