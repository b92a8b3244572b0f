import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { podTagOf } from '../../dist/bus/identity';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { removeFolder, temporaryFolder, until } from '../support/redis-process';
import { RedisProxy } from '../support/redis-proxy';
import { RedisServer } from '../support/redis-server';
import { forkHub, forkPod, forkPods, kill, untilAcquainted, untilUp } from './pod-processes';
import { failures, RoamingClient, range, settled } from './recovery-pod';
import { forkServer, startPod, stopProcess, type TestPod, type TestServer, untilServerCount } from './topology';

const settings = (code: unknown) => resolveRedisSettings({ code, env: {} }) as RedisSettings;

const emit = (server: TestServer, rooms: string[], event: string, ...args: unknown[]) =>
  server.run('emit', { rooms, event, args });

/** The same client on another connection. */
function twinOf({ socket }: RoamingClient, server: TestServer): RoamingClient {
  const twin = new RoamingClient(server);
  const { _pid, _lastOffset } = socket as unknown as { _pid: string; _lastOffset: string };
  Object.assign(twin.socket, { _pid, _lastOffset });
  return twin;
}

/** Settles when what a server has told of its sockets so far is stored: a join is confirmed then. */
async function settledStores(server: TestServer): Promise<void> {
  const other = await new RoamingClient(server).connect();
  await other.join('elsewhere');
  other.close();
}

describe('recovery between two pods of two workers', () => {
  let redis: RedisServer;
  let pods: [TestPod, TestPod];
  /** a/1, b/1, a/2, b/2 */
  let servers: [TestServer, TestServer, TestServer, TestServer];
  const clients: RoamingClient[] = [];

  beforeAll(async () => {
    redis = await RedisServer.start();
    const link = { name: 'redis-streams' as const, redis: settings(redis.url) };
    const env = { TEST_RECOVERY: '{}' };
    pods = [await startPod('pod-a', link, env), await startPod('pod-b', link, env)];
    const [a, b] = pods;
    servers = [await a.addServer(), await b.addServer(), await a.addServer(), await b.addServer()];
    await Promise.all(servers.map((server) => untilServerCount(server, 4)));
  });
  afterAll(async () => {
    for (const pod of pods ?? []) await pod.close();
    await redis?.stop();
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  async function client(server: TestServer): Promise<RoamingClient> {
    const created = new RoamingClient(server);
    clients.push(created);
    return created.connect();
  }

  it('gives a client at the other pod its id, its rooms, its data and what it has missed, in order', async () => {
    const [a1, b1, a2, b2] = servers;
    const roamer = await client(a1);
    await roamer.join(['news', 'sport']);
    const { id } = roamer;
    await a1.run('setData', { id, data: { user: 7, photo: Buffer.from([1, 2]) } });
    for (const [index, server] of servers.entries()) await emit(server, ['news'], 'n', index + 1);
    await settled(roamer, servers);
    await roamer.drop();
    await emit(a1, ['news'], 'n', 5);
    await emit(b1, ['sport'], 'n', 6);
    await emit(a2, ['elsewhere'], 'n', 'not for it');
    await emit(b2, [], 'n', 7);
    await emit(a2, [id], 'n', 8);
    await b1.run('emit', { rooms: ['news'], except: ['sport'], event: 'n', args: ['left out'] });
    await roamer.connect(b1);
    expect([roamer.recovered, roamer.id]).toEqual([true, id]);
    await emit(a2, ['sport'], 'n', 9);
    await roamer.until('n', 9);
    await settled(roamer, servers);
    expect(roamer.got('n').sort()).toEqual(range(1, 9));
    const [found] = (await a1.run('fetchSockets', { rooms: [id] })).sockets;
    expect(found.rooms.sort()).toEqual(['news', 'sport', id].sort());
    expect(found.data).toEqual({ user: 7, photo: Buffer.from([1, 2]) });
  });

  it('sends nothing a second time, and loses nothing, on the way to and fro', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('once');
    let sent = 0;
    for (const next of [1, 0, 3, 1, 2, 0, 3, 2]) {
      for (const server of servers) await emit(server, ['once'], 'n', ++sent);
      await roamer.drop();
      for (const server of servers) await emit(server, ['once'], 'n', ++sent);
      await roamer.connect(servers[next]);
      expect(roamer.recovered).toBe(true);
      for (const server of servers) await emit(server, ['once'], 'n', ++sent);
    }
    await settled(roamer, servers);
    expect(roamer.got('n').sort((left, right) => Number(left) - Number(right))).toEqual(range(1, sent));
  });
});

describe('recovery when a pod is killed', () => {
  let redis: RedisServer;
  let pods: TestServer[] = [];
  const clients: RoamingClient[] = [];

  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis?.stop());
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(pods.map(stopProcess));
  });

  async function start(...names: string[]): Promise<TestServer[]> {
    pods = await Promise.all(names.map(startOne));
    await untilAcquainted(pods);
    return pods;
  }
  const startOne = (name: string) => forkPod(name, redis.url, { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' });

  async function client(server: TestServer): Promise<RoamingClient> {
    const created = new RoamingClient(server);
    clients.push(created);
    return created.connect();
  }

  it('gives a client at another pod everything, once', async () => {
    const [a, b, c] = (await start('pod-a', 'pod-b', 'pod-c')) as [TestServer, TestServer, TestServer];
    const roamer = await client(a);
    const { id } = roamer;
    await roamer.join('room');
    for (const [index, pod] of pods.entries()) await emit(pod, ['room'], 'n', index + 1);
    await settled(roamer, pods);
    const gone = roamer.gone();
    await stopProcess(a);
    await gone;
    await emit(b, ['room'], 'n', 4);
    await emit(c, ['room'], 'n', 5);
    await roamer.connect(b);
    expect([roamer.recovered, roamer.id]).toEqual([true, id]);
    await emit(c, ['room'], 'n', 6);
    await settled(roamer, [b, c]);
    expect(roamer.got('n')).toEqual(range(1, 6));
    expect(await failures(b)).toEqual({});
  });

  /** Guards against a fault: a leave was confirmed before it was stored, so another pod took the socket for a member. */
  it('and nothing of a room that it has left: the leave is stored when it is confirmed', async () => {
    const proxy = await RedisProxy.start(redis);
    const env = { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' };
    pods = [await forkPod('pod-a', `redis://${proxy.host}:${proxy.port}`, env), await startOne('pod-b')];
    await untilAcquainted(pods);
    const [a, b] = pods as [TestServer, TestServer];
    const roamer = await client(a);
    await roamer.join(['kept', 'left']);
    await settled(roamer, pods);

    const release = proxy.hold('');
    const confirmed: string[] = [];
    const left = roamer.leave('left').then(() => confirmed.push('left'));
    // The second one is asked when a confirmation of the same tick as the first's answer has come.
    for (const _ of range(1, 2)) await roamer.socket.emitWithAck('emit-then-ack', 'elsewhere', 'nothing');
    expect(confirmed).toEqual([]);
    release();
    await left;
    const gone = roamer.gone();
    await stopProcess(a);
    await gone;
    await emit(b, ['left'], 'n', 1);
    await b.run('emit', { rooms: ['kept'], except: ['left'], event: 'n', args: [2] });
    await roamer.connect(b);
    expect(roamer.recovered).toBe(true);
    await settled(roamer, [b]);
    expect(roamer.got('n')).toEqual([2]);
    await proxy.stop();
  });

  it('also at a pod that was started later than what the client has missed was sent', async () => {
    const [a, b] = (await start('pod-a', 'pod-b')) as [TestServer, TestServer];
    const roamer = await client(a);
    await roamer.join('room');
    await emit(b, ['room'], 'n', 1);
    await settled(roamer, pods);
    const gone = roamer.gone();
    await stopProcess(a);
    await gone;
    for (const number of range(2, 20)) await emit(b, [number % 2 ? 'room' : 'elsewhere'], 'n', number);
    const c = await startOne('pod-c');
    pods.push(c);
    await untilAcquainted([b, c]).catch(() => undefined);
    await emit(b, ['room'], 'n', 21);
    await roamer.connect(c);
    expect(roamer.recovered).toBe(true);
    await settled(roamer, [b, c]);
    expect(roamer.got('n')).toEqual([1, ...range(2, 21).filter((number) => number % 2)]);
  });

  it('with the events for the socket alone that it did not read, in order', async () => {
    const [a, b, c] = (await start('pod-a', 'pod-b', 'pod-c')) as [TestServer, TestServer, TestServer];
    const proxy = await RedisProxy.start({ host: '127.0.0.1', port: a.port });
    const roamer = await client({ ...a, port: proxy.port });
    await a.run('emitAlone', { id: roamer.id, event: 'n', args: [1] });
    await roamer.until('n', 1);
    // Nothing reaches it any more, which the server can't see.
    const { id } = roamer;
    proxy.hold('');
    for (const number of [2, 3]) await a.run('emitAlone', { id, event: 'n', args: [number] });
    await settledStores(a);
    await stopProcess(a);
    const gone = roamer.gone();
    await proxy.stop();
    await gone;
    expect(roamer.got('n')).toEqual([1]);
    await roamer.connect(b);
    expect(roamer.recovered).toBe(true);
    await b.run('emitAlone', { id, event: 'n', args: [4] });
    await settled(roamer, [b, c]);
    await roamer.drop();
    await roamer.connect(c);
    await settled(roamer, [b, c]);
    expect(roamer.recovered).toBe(true);
    expect(roamer.got('n')).toEqual([1, 2, 3, 4]);
  });

  it('with a room that it was told it had joined just before', async () => {
    const [a, b] = (await start('pod-a', 'pod-b')) as [TestServer, TestServer];
    const first = await client(a);
    await first.join('room');
    const roamer = await client(a);
    await roamer.join('room');
    const gone = roamer.gone();
    a.process?.kill('SIGKILL');
    await gone;
    await emit(b, ['room'], 'n', 1);
    await roamer.connect(b);
    await settled(roamer, [b]);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1]]);
  });

  it('and neither of two connections that resume at once goes on beside the other', async () => {
    const [a, b, c] = (await start('pod-a', 'pod-b', 'pod-c')) as [TestServer, TestServer, TestServer];
    const roamer = await client(a);
    await roamer.join('room');
    await settled(roamer, pods);
    const gone = roamer.gone();
    await stopProcess(a);
    await gone;
    const twin = twinOf(roamer, b);
    clients.push(twin);
    await Promise.all([twin.connect(b), roamer.connect(c)]);
    expect([twin.recovered, roamer.recovered].sort()).toEqual([false, true]);
    expect([...Object.keys(await failures(b)), ...Object.keys(await failures(c))]).toEqual(['superseded']);
  });

  it('and a pod that was only stopped ends what it has of a client that went on elsewhere', async () => {
    const [a, b] = (await start('pod-a', 'pod-b')) as [TestServer, TestServer];
    const roamer = await client(a);
    const { id } = roamer;
    await roamer.join('room');
    await emit(a, ['room'], 'n', 1);
    await settled(roamer, pods);
    a.process?.kill('SIGSTOP');
    // The client has given its connection up, which the pod can't see: it stays open.
    const twin = twinOf(roamer, b);
    clients.push(twin);
    await emit(b, ['room'], 'n', 2);
    await twin.connect();
    expect([twin.recovered, twin.id]).toEqual([true, id]);
    const ended = roamer.gone();
    a.process?.kill('SIGCONT');
    await ended;
    await emit(a, ['room'], 'n', 3);
    await settled(twin, [a, b]);
    expect(twin.got('n')).toEqual([2, 3]);
  });
});

// What a pod had written before Redis lost it was not written again until a socket changed, or never.
describe('recovery when a pod is killed after Redis has lost its data', () => {
  let redis: RedisServer;
  let pods: [TestServer, TestServer];
  let roamer: RoamingClient;

  beforeEach(async () => {
    redis = await RedisServer.start();
    pods = (await forkPods(['pod-a', 'pod-b'], redis.url, { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' })) as [
      TestServer,
      TestServer,
    ];
    roamer = await new RoamingClient(pods[0]).connect();
    await roamer.join('room');
    await pods[0].run('emitAlone', { id: roamer.id, event: 'n', args: [1] });
    await roamer.until('n', 1);
    await settledStores(pods[0]);
    await redis.restart();
    await Promise.all(pods.map((pod) => untilUp(pod, 1)));
    await untilComplete();
    // It has something from after the loss: what came before is none of its concern.
    await settled(roamer, pods);
  });
  afterEach(async () => {
    roamer?.close();
    await Promise.all((pods ?? []).map(stopProcess));
    await redis?.stop();
  });

  const stamps = async () => (await redis.cli('KEYS', '*recovery:hub:*')).split('\n').filter(Boolean);
  const untilComplete = () =>
    until(async () => {
      const names = await stamps();
      const values = await Promise.all(names.map((name) => redis.cli('GET', name)));
      return values.length === pods.length && values.every((value) => !value.includes('incomplete'));
    }, 'both pods have written everything again');

  async function killFirst(): Promise<void> {
    const gone = roamer.gone();
    await stopProcess(pods[0]);
    await gone;
  }

  it('gives a client of it that had not changed since everything, once', async () => {
    const [, b] = pods;
    await killFirst();
    await emit(b, ['room'], 'n', 2);
    await roamer.connect(b);
    await settled(roamer, [b]);
    expect(await failures(b)).toEqual({});
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1, 2]]);
  });

  it('says no where it had not written everything again', async () => {
    const [, b] = pods;
    const before = await stamps();
    await killFirst();
    // As it stands from the return of Redis until then.
    for (const name of before) {
      const value = (await redis.cli('GET', name)).trim();
      await redis.cli('SET', name, `${value} incomplete`, 'KEEPTTL');
    }
    await roamer.connect(b);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b)).toEqual({ 'link-outage': 1 });
  });
});

describe('recovery when a primary hangs', () => {
  let cleanups: Array<() => unknown> = [];
  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    cleanups = [];
  });

  it('gives a client that went on elsewhere nothing twice when the primary sends what it had not sent', async () => {
    const redis = await RedisServer.start();
    cleanups.push(() => redis.stop());
    const folder = await temporaryFolder();
    cleanups.push(() => removeFolder(folder));
    const link = { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' };
    const hubPath = join(folder, 'hub.sock');
    const hub = { TEST_HUB: hubPath, TEST_POD_TAG: podTagOf(hubPath), FLOTILLA_POD_NAME: 'pod-a' };
    const primary = await forkHub({ ...hub, ...link, TEST_REDIS: redis.url });
    cleanups.push(() => kill(primary));
    const a = await forkServer({ FLOTILLA_HUB: hubPath, FLOTILLA_WORKER: '1', FLOTILLA_POD_NAME: 'pod-a', ...link });
    cleanups.push(() => stopProcess(a));
    const b = await forkPod('pod-b', redis.url, link);
    cleanups.push(() => stopProcess(b));
    await Promise.all([a, b].map((server) => untilServerCount(server, 2)));

    const roamer = await new RoamingClient(a).connect();
    cleanups.push(() => roamer.close());
    await roamer.join('room');
    await settled(roamer, [a, b]);
    primary.kill('SIGSTOP');
    await emit(a, ['room'], 'n', 1);
    await roamer.until('n', 1);
    await roamer.drop();
    await emit(a, ['room'], 'n', 2);
    await roamer.connect(b);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1]]);
    primary.kill('SIGCONT');
    await roamer.until('n', 2);
    await settled(roamer, [a, b]);
    expect(roamer.got('n')).toEqual([1, 2]);
  });
});

describe('recovery between pods and Redis', () => {
  let cleanups: Array<() => unknown> = [];
  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    cleanups = [];
  });

  async function startRedis(args: string[] = []): Promise<RedisServer> {
    const redis = await RedisServer.start({ args });
    cleanups.push(() => redis.stop());
    return redis;
  }
  async function start(
    redis: { url: string },
    name: string,
    link: { maxLogEntries?: number; redis?: RedisSettings } = {},
  ) {
    const settingsOfLink = { name: 'redis-streams' as const, redis: settings(redis.url), ...link };
    const pod = await startPod(name, settingsOfLink, { TEST_RECOVERY: '{}' });
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
  const untilBack = (pod: TestPod) =>
    until(async () => pod.link.status().state === 'up' && pod.link.status().reconnects > 0, 'the link is back', 30_000);

  it('confirms a join only when another pod could resume it', async () => {
    const redis = await startRedis();
    const { server } = await start(redis, 'pod-a');
    const roamer = await client(server);
    await roamer.join('first');
    const answers: string[] = [];
    redis.pause();
    const joined = roamer.join('second').then(() => answers.push('joined'));
    // What needs nothing of Redis is answered: by the worker, by its hub, and by the worker once more.
    await roamer.leave('never joined');
    await server.run('linkStatus');
    await roamer.leave('never joined').then(() => answers.push('left'));
    redis.resume();
    await joined;
    expect(answers).toEqual(['left', 'joined']);
  });

  it('says no at a pod that does not read the log, where messages that the client has got would come once more', async () => {
    const redis = await startRedis();
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const a = await start(redis, 'pod-a');
    const b = await start(redis, 'pod-b', { redis: settings(`redis://${proxy.host}:${proxy.port}`) });
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    const letPass = proxy.hold('bus-read');
    await emit(a.server, ['room'], 'n', 1);
    await roamer.until('n', 1);
    await roamer.drop();
    await roamer.connect(b.server);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b.server)).toEqual({ 'link-outage': 1 });
    letPass();
  });

  it('takes over from a pod that was drained', async () => {
    const redis = await startRedis();
    const [a, b] = [await start(redis, 'pod-a'), await start(redis, 'pod-b')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    const gone = roamer.gone();
    await a.pod.close();
    await gone;
    await emit(b.server, ['room'], 'n', 1);
    await roamer.connect(b.server);
    await settled(roamer, [b.server]);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1]]);
  });

  it('works on a Redis Cluster: from a pod that lives, and from one that was drained', async () => {
    const cluster = await RedisCluster.start();
    cleanups.push(() => cluster.stop());
    const [a, b, c] = [await start(cluster, 'pod-a'), await start(cluster, 'pod-b'), await start(cluster, 'pod-c')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server, c.server]);
    await roamer.drop();
    await emit(c.server, ['room'], 'n', 1);
    await roamer.connect(b.server);
    await settled(roamer, [a.server, b.server, c.server]);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1]]);
    const gone = roamer.gone();
    await b.pod.close();
    await gone;
    await emit(a.server, ['room'], 'n', 2);
    await roamer.connect(c.server);
    await settled(roamer, [a.server, c.server]);
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1, 2]]);
  });

  it('follows a client through five pods, with what it joined and left at each of them', async () => {
    const redis = await startRedis();
    const pods = [];
    for (const number of range(1, 5)) pods.push(await start(redis, `pod-${number}`));
    const servers = pods.map(({ server }) => server);
    const roamer = await client(servers[0] as TestServer);
    const expected: string[] = [];
    for (const [index, server] of servers.entries()) {
      if (index > 0) {
        await roamer.connect(server);
        expect(roamer.recovered).toBe(true);
      }
      await settled(roamer, servers);
      await roamer.join(`room ${index}`);
      if (index >= 2) await roamer.leave(`room ${index - 2}`);
      for (const moment of ['before', 'after']) {
        if (moment === 'after') await roamer.drop();
        // Here, at a pod that it has been at, and at one that it has not.
        for (const from of [index, (index + 4) % 5, (index + 2) % 5]) {
          for (const room of range(index - 2, index + 1)) {
            await emit(servers[from] as TestServer, [`room ${room}`], 'n', `${room} ${index} ${moment} ${from}`);
          }
          for (const room of [index - 1, index]) if (room >= 0) expected.push(`${room} ${index} ${moment} ${from}`);
        }
        if (moment === 'before') await settled(roamer, servers);
      }
    }
    await roamer.connect(servers[0]);
    await settled(roamer, servers);
    expect(roamer.recovered).toBe(true);
    expect(roamer.got('n').sort()).toEqual(expected.sort());
  });

  it('says no where what the client has missed is trimmed from the log, and yes where it has missed nothing', async () => {
    const redis = await startRedis();
    const a = await start(redis, 'pod-a', { maxLogEntries: 100 });
    const [busy, quiet] = [await client(a.server), await client(a.server)];
    await busy.join('busy');
    await quiet.join('quiet');
    await Promise.all([settled(busy, [a.server]), settled(quiet, [a.server])]);
    await Promise.all([busy.drop(), quiet.drop()]);
    await emit(a.server, ['busy'], 'n', 1);
    for (const number of range(1, 600)) await emit(a.server, ['elsewhere'], 'n', number);
    const b = await start(redis, 'pod-b', { maxLogEntries: 100 });
    await busy.connect(b.server);
    await quiet.connect(b.server);
    expect([busy.recovered, quiet.recovered]).toEqual([false, true]);
    expect(await failures(b.server)).toEqual({ trimmed: 1 });
  });

  it('goes on after an outage of a Redis that keeps its data', async () => {
    const redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
    const [a, b] = [await start(redis, 'pod-a'), await start(redis, 'pod-b')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    await redis.kill();
    await emit(b.server, ['room'], 'n', 1);
    await emit(a.server, ['room'], 'n', 2);
    await redis.restart();
    await Promise.all([untilBack(a.pod), untilBack(b.pod)]);
    await roamer.connect(b.server);
    await settled(roamer, [a.server, b.server]);
    expect([roamer.recovered, roamer.got('n').sort()]).toEqual([true, [1, 2]]);
  });

  it('says no where a pod had to drop messages that it could not send', async () => {
    const redis = await startRedis();
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const a = await start(redis, 'pod-a', { redis: settings(`redis://${proxy.host}:${proxy.port}`) });
    const [b, c] = [await start(redis, 'pod-b'), await start(redis, 'pod-c')];
    const roamer = await client(b.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server, c.server]);
    await roamer.drop();
    proxy.freeze();
    proxy.cut();
    await until(async () => a.pod.link.status().state !== 'up', 'the link is lost');
    for (const number of range(1, 1_100)) await emit(a.server, ['room'], 'n', number);
    proxy.thaw();
    proxy.cut();
    await untilBack(a.pod);
    // It is for the new pod alone to say so.
    await b.pod.close();
    await roamer.connect(c.server);
    expect(roamer.recovered).toBe(false);
    expect(await failures(c.server)).toEqual({ 'link-outage': 1 });
  });

  // A pod that had not been there read the log back over the place where messages were missing, and said yes.
  it('says no at a pod that starts after another had to drop messages', async () => {
    const redis = await startRedis();
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const a = await start(redis, 'pod-a', { redis: settings(`redis://${proxy.host}:${proxy.port}`) });
    const b = await start(redis, 'pod-b');
    const roamer = await client(b.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    proxy.freeze();
    proxy.cut();
    await until(async () => a.pod.link.status().state !== 'up', 'the link is lost');
    for (const number of range(1, 1_100)) await emit(a.server, ['room'], 'n', number);
    proxy.thaw();
    proxy.cut();
    await untilBack(a.pod);
    // What is left of them stands in the log, and so does that some are missing.
    await settled(await client(b.server), [a.server]);
    await b.pod.close();
    const c = await start(redis, 'pod-c');
    await roamer.connect(c.server);
    expect(roamer.recovered).toBe(false);
    expect(await failures(c.server)).toEqual({ 'link-outage': 1 });
  });

  it('says no after a Redis has lost its data', async () => {
    const redis = await startRedis();
    const [a, b] = [await start(redis, 'pod-a'), await start(redis, 'pod-b')];
    const roamer = await client(a.server);
    await roamer.join('room');
    await settled(roamer, [a.server, b.server]);
    await roamer.drop();
    await emit(b.server, ['room'], 'n', 1);
    await redis.restart();
    await Promise.all([untilBack(a.pod), untilBack(b.pod)]);
    await roamer.connect(b.server);
    expect(roamer.recovered).toBe(false);
    expect(Object.keys(await failures(b.server))).toHaveLength(1);
  });

  it('says no while Redis is away, and the pod itself still says yes', async () => {
    const redis = await startRedis();
    const [a, b] = [await start(redis, 'pod-a'), await start(redis, 'pod-b')];
    const [mover, stayer] = [await client(a.server), await client(a.server)];
    await Promise.all([mover.join('room'), stayer.join('room')]);
    await Promise.all([mover, stayer].map((each) => settled(each, [a.server, b.server])));
    await Promise.all([mover.drop(), stayer.drop()]);
    await redis.kill();
    await emit(a.server, ['room'], 'n', 1);
    await Promise.all([mover.connect(b.server), stayer.connect(a.server)]);
    await stayer.until('n', 1);
    expect([mover.recovered, stayer.recovered]).toEqual([false, true]);
    expect(await failures(b.server)).toEqual({ 'link-outage': 1 });
  });
});
