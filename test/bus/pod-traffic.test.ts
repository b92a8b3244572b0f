import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeMessage } from '../../dist/bus/codec';
import { plainChannels } from '../../dist/bus/link/channels';
import { LinkEnvelope } from '../../dist/bus/link/envelope';
import { MessageKind, PROTOCOL_VERSION } from '../../dist/bus/protocol';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisServer } from '../support/redis-server';
import { Audience, connectTo } from './audience';
import { forkPod } from './pod-processes';
import { startPod, stopProcess, type TestPod, type TestServer, untilServerCount } from './topology';

const channels = plainChannels('flotilla:');

describe.each(['redis', 'redis-streams'] as const)('what pods send each other on the link %s', (link) => {
  let redis: RedisServer;
  let raw: Redis;
  let a: TestPod;
  let b: TestPod;
  let a1: TestServer;
  let b1: TestServer;
  let audience: Audience;

  beforeAll(async () => {
    redis = await RedisServer.start();
    raw = new Redis(redis.port);
    const settings = resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings;
    a = await startPod('pod-a', { name: link, redis: settings });
    b = await startPod('pod-b', { name: link, redis: settings });
    a1 = await a.addServer();
    b1 = await b.addServer();
    await Promise.all([a.link.ready(), b.link.ready()]);
    await Promise.all([a1, b1].map((server) => untilServerCount(server, 2)));
    audience = await Audience.of([a1, b1]);
  });
  afterAll(async () => {
    audience?.close();
    raw?.disconnect();
    await a?.close();
    await b?.close();
    await redis?.stop();
  });

  const connectionsOf = async (podName: string) =>
    (await redis.cli('CLIENT', 'LIST')).split('\n').filter((line) => line.includes(` name=flotilla:${podName}:`));
  const logKey = 'flotilla:bus:{log}';
  const broadcastsGoTo = (room: string) => (link === 'redis' ? channels.room('/', room) : logKey);
  const send = (name: string, bytes: Buffer) =>
    name === logKey ? raw.xadd(name, '*', 'b', bytes) : raw.publish(name, bytes);
  /** In the log a message stands behind its sender's count. */
  const ofLog = (name: string, body: Buffer) =>
    name === logKey ? Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0]), body]) : body;
  /** Each pod's own channel and probe, and the one for all; on the link `redis` the room of the audience as well. */
  const subscribed = link === 'redis' ? 4 : 3;
  const dropped = (pod: TestPod, reason: 'unknown-version' | 'malformed') =>
    pod.hub.counters.droppedByReason.get(reason) ?? 0;

  if (link === 'redis') {
    /** How many messages about a room went over Redis, and how many messages pod b got, while something was done. */
    async function during(room: string, act: () => Promise<unknown>): Promise<{ published: number; received: number }> {
      const watcher = raw.duplicate();
      let published = 0;
      watcher.on('message', () => {
        published += 1;
      });
      const channel = channels.room('/', room);
      await watcher.subscribe(channel);
      const before = b.hub.counters.link.messagesIn;
      await act();
      // A broadcast to everybody comes last on each way.
      await audience.expectExactDelivery('at the end');
      await watcher.unsubscribe(channel);
      watcher.disconnect();
      return { published, received: b.hub.counters.link.messagesIn - before };
    }

    it('does not grow with the number of workers: connections, and messages for each broadcast', async () => {
      const member = await connectTo(b1);
      await member.emitWithAck('join', 'counted');
      const burst = () => a1.run('emitBurst', { rooms: ['counted'], event: 'x', run: 'r', origin: 'a', count: 100 });
      expect(await connectionsOf('pod-a')).toHaveLength(2);
      const withOne = await during('counted', burst);
      const added: TestServer[] = [];
      for (let more = 0; more < 3; more++) added.push(await a.addServer(), await b.addServer());
      for (const server of added) await (await connectTo(server)).emitWithAck('join', 'counted');
      await untilServerCount(a1, 8);
      expect(await connectionsOf('pod-a')).toHaveLength(2);
      expect(await connectionsOf('pod-b')).toHaveLength(2);
      const withFour = await during('counted', burst);
      expect(withOne.published).toBe(100);
      expect(withFour.published).toBe(100);
      // Heartbeats come on top.
      expect(withFour.received).toBeLessThan(withOne.received + 50);
      member.close();
      for (const server of added) await stopProcess(server);
      await untilServerCount(a1, 2);
    });

    it('does not reach a pod that has nobody in the room', async () => {
      await audience.at(a1).socket.emitWithAck('join', 'only-a');
      const { published, received } = await during('only-a', () =>
        a1.run('emitBurst', { rooms: ['only-a'], event: 'x', run: 'r', origin: 'a', count: 500 }),
      );
      expect(published).toBe(500);
      expect(received).toBeLessThan(250);
      await audience.at(a1).socket.emitWithAck('leave', 'only-a');
    });
  }

  it('of a later version is dropped and counted, on every channel', async () => {
    const stranger = { hub: 'STRANGER-HUB', podTag: 'STRG' };
    const tag = b.hub.pods()[0]?.tag as string;
    const names = [channels.all(), channels.pod(tag), ...channels.probes(tag), broadcastsGoTo('everyone')];
    const body = encodeMessage({
      kind: MessageKind.Broadcast,
      from: 'x',
      nsp: '/',
      rooms: [],
      except: [],
      flags: {},
      packet: { type: 2, data: ['later'] },
    });
    const laterProtocol = Buffer.from(body);
    laterProtocol[0] = PROTOCOL_VERSION + 1;
    const before = dropped(b, 'unknown-version');
    const seen: string[] = [];
    audience.at(b1).socket.on('later', () => seen.push('later'));
    for (const name of names) {
      const envelope = new LinkEnvelope(stranger).wrap(name, body);
      envelope[0] = 2;
      await send(name, envelope);
      await send(name, new LinkEnvelope(stranger).wrap(name, ofLog(name, laterProtocol)));
    }
    await until(async () => dropped(b, 'unknown-version') >= before + 2 * names.length, 'all of them are counted');
    expect(dropped(b, 'unknown-version')).toBe(before + 2 * names.length);
    await audience.expectExactDelivery('beside a later version');
    expect(seen).toEqual([]);
  });

  it('goes on beside a pod of a later release, on both sides', async () => {
    const before = dropped(a, 'unknown-version');
    const later = await forkPod('pod-later', redis.url, { TEST_PROTOCOL_VERSION: String(PROTOCOL_VERSION + 1) });
    try {
      const client = await connectTo(later);
      await client.emitWithAck('join', 'everyone');
      await later.run('emit', { rooms: ['everyone'], event: 'x' });
      await until(async () => dropped(a, 'unknown-version') > before + 1, 'its messages are counted');
      await until(async () => (await later.run('hubDropped'))['unknown-version'] > 1, 'ours are counted there');
      await audience.expectExactDelivery('beside a pod of a later release');
      expect(await a1.run('serverCount')).toBe(2);
      expect((await a1.run('fetchSockets', { timeout: 30_000 })).sockets).toHaveLength(2);
      client.close();
      expect(later.process?.exitCode).toBeNull();
    } finally {
      await stopProcess(later);
    }
  });

  it('of a nonsensical kind does no harm', async () => {
    const stranger = new LinkEnvelope({ hub: 'STRANGER-HUB', podTag: 'STRG' });
    const before = dropped(b, 'malformed');
    const nonsense = [
      Buffer.alloc(0),
      Buffer.from([PROTOCOL_VERSION]),
      Buffer.from([PROTOCOL_VERSION, 255, 0, 0, 0, 0]),
      Buffer.alloc(300, 255),
    ];
    await raw.publish(channels.all(), 'no envelope at all');
    await raw.publish(channels.all(), '');
    for (const body of nonsense) await raw.publish(channels.all(), stranger.wrap(channels.all(), body));
    // Kinds that only workers and their hub exchange are as strange from another pod.
    const hello = { kind: MessageKind.Confirm, seq: 1 } as const;
    await raw.publish(channels.all(), stranger.wrap(channels.all(), encodeMessage(hello)));
    await audience.expectExactDelivery('after nonsense');
    await until(async () => dropped(b, 'malformed') >= before + 5, 'nonsense is counted');
  });

  it('leaves nothing behind: 200 rounds of joins, leaves, orders and questions', async () => {
    const pods = [a, b];
    const servers = [a1, b1];
    const event = 'leak-check';
    for (const [index, server] of servers.entries()) await server.run('listen', { event, answer: index });
    const round = async (number: number) => {
      const room = `round-${number}`;
      const client = audience.at(number % 2 ? a1 : b1).socket;
      const asker = number % 2 ? b1 : a1;
      await client.emitWithAck('join', room);
      expect((await asker.run('fetchSockets', { rooms: [room] })).sockets).toHaveLength(1);
      await asker.run('joinAnywhere', { target: { rooms: [room] }, rooms: [`more-${number}`] });
      expect((await asker.run('serverSideEmitWithAck', { event })).responses).toHaveLength(1);
      await asker.run('emitWithAck', { rooms: [room], timeout: 5_000, event: 'ack-me' });
      await asker.run('leaveAnywhere', { target: { rooms: [room] }, rooms: [`more-${number}`] });
      await client.emitWithAck('leave', room);
    };
    for (const { socket } of audience.listeners) socket.on('ack-me', (callback) => callback());
    const state = async () => ({
      servers: await Promise.all(servers.map((server) => server.run('holdings'))),
      questions: pods.map(({ hub }) => hub.openQuestions),
      subscriptions: pods.map(({ link }) => link.status().subscriptions),
    });
    const heap = () => Promise.all(servers.map((server) => server.run('heapUsed') as Promise<number>));
    const released = (before: Awaited<ReturnType<typeof state>>) =>
      until(
        async () => JSON.stringify((await state()).subscriptions) === JSON.stringify(before.subscriptions),
        'the rooms are released',
      );

    await until(
      async () => (await state()).subscriptions.every((count) => count === subscribed),
      'earlier rooms are released',
    );
    for (let number = 0; number < 50; number++) await round(number);
    const before = await state();
    before.subscriptions = [subscribed, subscribed];
    await released(before);
    const heapBefore = await heap();
    for (let number = 50; number < 250; number++) await round(number);
    await released(before);
    expect(await state()).toEqual(before);
    expect(before.questions).toEqual([0, 0]);
    const growth = (await heap()).map((bytes, index) => bytes - (heapBefore[index] as number));
    for (const bytes of growth) expect(bytes).toBeLessThan(3 * 1024 * 1024);
  });
});
