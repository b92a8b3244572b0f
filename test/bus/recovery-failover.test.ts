import { afterEach, describe, expect, it } from 'vitest';
import { digestOf } from '../../dist/bus/recovery/private-id';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { until } from '../support/redis-process';
import { RedisSentinel } from '../support/redis-sentinel';
import type { RedisServer } from '../support/redis-server';
import { forkPods, untilUp } from './pod-processes';
import { failures, RoamingClient, range, settled } from './recovery-pod';
import { quietLog, startPod, stopProcess, type TestPod, type TestServer } from './topology';

let cleanups: Array<() => unknown> = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

async function startSentinel(): Promise<RedisSentinel> {
  const sentinel = await RedisSentinel.start();
  cleanups.push(() => sentinel.stop());
  return sentinel;
}

async function start({ url }: RedisSentinel, name: string) {
  const redis = resolveRedisSettings({ code: url, env: {} }) as RedisSettings;
  // That Redis is away is said, again and again.
  const log = { ...quietLog, error() {} };
  const pod = await startPod(name, { name: 'redis-streams', redis, log }, { TEST_RECOVERY: '{}' });
  cleanups.push(() => pod.close());
  const server = await pod.addServer();
  await pod.link.ready();
  return { pod, server };
}

async function client(server: TestServer): Promise<RoamingClient> {
  const created = new RoamingClient(server);
  cleanups.push(() => created.close());
  return created.connect();
}

const emit = (server: TestServer, number: number) =>
  server.run('emit', { rooms: ['room'], event: 'n', args: [number] });

/** The first of two pods, which has the client, is killed: at the other one it gets everything, that to its latest room included. */
async function expectRecovered(roamer: RoamingClient, [first, other]: [TestServer, TestServer]): Promise<void> {
  await settled(roamer, [first, other]);
  const gone = roamer.gone();
  await stopProcess(first);
  await gone;
  await emit(other, 1);
  await roamer.connect(other);
  await settled(roamer, [other]);
  expect([roamer.recovered, roamer.got('n'), await failures(other)]).toEqual([true, [1], {}]);
}

const untilBack = (pods: TestPod[]) =>
  Promise.all(
    pods.map(({ link }) =>
      until(async () => link.status().state === 'up' && link.status().reconnects > 0, 'the link is back', 30_000),
    ),
  );

/** Settles when a replica has all that its master has. */
async function inStep(master: RedisServer): Promise<void> {
  await until(async () => {
    const info = await master.cli('INFO', 'replication');
    const [, offset] = /master_repl_offset:(\d+)/.exec(info) ?? [];
    return info.includes(`,offset=${offset},`);
  }, 'the replica is in step');
}

describe('recovery and a failover of Sentinel while the client is away', () => {
  it('gives a client at another pod everything, once and in order, where the replica had it all', async () => {
    const sentinel = await startSentinel();
    const [a, b] = [await start(sentinel, 'pod-a'), await start(sentinel, 'pod-b')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    for (const number of range(1, 20)) await emit(b.server, number);
    await settled(await client(a.server), [b.server]);
    await inStep(await sentinel.master());
    await sentinel.failover();
    for (const number of range(21, 40)) await emit(b.server, number);
    await untilBack([a.pod, b.pod]);
    for (const number of range(41, 60)) await emit(b.server, number);
    await roamer.connect(b.server);
    await settled(roamer, [a.server, b.server]);
    expect(await failures(b.server)).toEqual({});
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, range(1, 60)]);
  });

  it('says no where the replica had not got everything, and goes on whole from there', async () => {
    const sentinel = await startSentinel();
    const [a, b] = [await start(sentinel, 'pod-a'), await start(sentinel, 'pod-b')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    const [master, replica] = sentinel.servers;
    await inStep(master);
    // It can't come back for what follows.
    replica.pause();
    await master.cli('CLIENT', 'KILL', 'TYPE', 'replica');
    for (const number of range(1, 20)) await emit(b.server, number);
    await settled(await client(a.server), [b.server]);
    const failedOver = sentinel.failover();
    await until(async () => b.pod.link.status().state !== 'up', 'the link is lost');
    replica.resume();
    await failedOver;
    await untilBack([a.pod, b.pod]);
    // The stores have connections of their own.
    await until(async () => {
      const names = await replica.clientNames();
      return names.filter((name) => name.endsWith(':recovery')).length === 2;
    }, 'the stores are back');
    await roamer.connect(b.server);
    expect(roamer.recovered).toBe(false);
    expect(Object.values(await failures(b.server))).toEqual([1]);

    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    await emit(b.server, 21);
    await roamer.connect(a.server);
    await settled(roamer, [a.server, b.server]);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [21]]);
  });

  // The state of a socket stayed as the replica had it, without its latest rooms, until the socket changed again.
  it('knows a room that was joined just before, when the pod dies after it', async () => {
    const sentinel = await startSentinel();
    const env = { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' };
    const pods = await forkPods(['pod-a', 'pod-b'], sentinel.url, env);
    cleanups.push(() => Promise.all(pods.map(stopProcess)));
    const [a, b] = pods as [TestServer, TestServer];
    const roamer = await client(a);
    await roamer.join('elsewhere');
    const [master, replica] = sentinel.servers;
    await inStep(master);
    replica.pause();
    await master.cli('CLIENT', 'KILL', 'TYPE', 'replica');
    await roamer.join('room');
    const failedOver = sentinel.failover();
    await until(async () => (await a.run('linkStatus')).state !== 'up', 'the link is lost');
    replica.resume();
    await failedOver;
    await Promise.all(pods.map((pod) => untilUp(pod, 1)));
    await until(async () => {
      const [record = ''] = (await replica.cli('KEYS', '*recovery:{*')).split('\n');
      return (await replica.cli('HGET', record, 'v')).includes('room');
    }, 'the new master has the room');
    await untilWrittenAgain([replica], pods.length, roamer);
    await expectRecovered(roamer, [a, b]);
  });
});

// Its connections to the other nodes go on, so no outage was noticed: what the node had lost was written again only when it changed.
describe('recovery and one node of a Redis Cluster that comes back with what it had a while ago', () => {
  it('knows a room that was joined just before, when the pod dies after it', async () => {
    const cluster = await RedisCluster.start();
    cleanups.push(() => cluster.stop());
    const env = { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' };
    const pods = await forkPods(['pod-a', 'pod-b'], cluster.url, env);
    cleanups.push(() => Promise.all(pods.map(stopProcess)));
    const [a, b] = pods as [TestServer, TestServer];
    const { roamer, node, record } = await clientBesideLog(cluster, a);
    await settled(roamer, pods);
    await node.cli('SAVE');
    await roamer.join('room');
    const stored = () => node.cli('HGET', record, 'v');
    expect(await stored()).toContain('room');
    await node.kill();
    await node.restart();
    await cluster.settled();
    await until(async () => (await stored()).includes('room'), 'the room is there again', 30_000);
    await untilWrittenAgain(cluster.nodes, pods.length, roamer);
    await expectRecovered(roamer, [a, b]);
  });

  /** A client whose state is on another node than the log of the link, which is none of its concern. */
  async function clientBesideLog(cluster: RedisCluster, server: TestServer) {
    const logs = await Promise.all(
      cluster.nodes.map((node) => node.cli('SCAN', '0', 'TYPE', 'stream', 'COUNT', '1000')),
    );
    for (;;) {
      const roamer = await client(server);
      await roamer.join('early');
      const key = digestOf((roamer.socket as unknown as { _pid: string })._pid);
      const { index } = await cluster.ownerOf(`{${key}}`);
      const node = cluster.nodes[index] as RedisServer;
      if (!logs[index]?.includes('flotilla')) return { roamer, node, record: `flotilla:recovery:{${key}}:/` };
      roamer.close();
    }
  }
});

/**
 * Settles when every pod has since written down of itself that all is stored, and also what a client was told of. What
 * stands there at first may be from before the outage.
 */
async function untilWrittenAgain(nodes: RedisServer[], pods: number, { socket }: RoamingClient): Promise<void> {
  const leftMs = new Map<string, number>();
  const anew = new Map<string, string>();
  await until(
    async () => {
      for (const node of nodes) {
        for (const name of (await node.cli('KEYS', '*recovery:hub:*')).split('\n').filter(Boolean)) {
          const left = Number(await node.cli('PTTL', name));
          const isNew = left > (leftMs.get(name) ?? Number.POSITIVE_INFINITY);
          leftMs.set(name, left);
          if (isNew || anew.has(name)) anew.set(name, await node.cli('GET', name));
        }
      }
      const stamps = [...anew.values()];
      const [, told = '0'] = /~([0-9a-z]+)$/.exec((socket as unknown as { _lastOffset: string })._lastOffset) ?? [];
      const stored = stamps.map((stamp) => Number(/epoch=(\d+)/.exec(stamp)?.[1] ?? 0));
      return (
        stamps.length === pods &&
        stamps.every((stamp) => !stamp.includes('incomplete')) &&
        Math.max(...stored) >= Number.parseInt(told, 36)
      );
    },
    'both pods have written everything again',
    30_000,
  );
}
