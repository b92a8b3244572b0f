import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MessageLog } from '../../dist/bus/recovery/message-log';
import { OwnEvents } from '../../dist/bus/recovery/own-events';
import { isToBeTold, PendingWrites } from '../../dist/bus/recovery/pending-writes';
import { DEFAULT_RECOVERY_SETTINGS } from '../../dist/bus/recovery/settings';
import { hideOffsets } from '../../dist/client/hide-offsets';
import { until } from '../support/redis-process';
import { RedisProxy } from '../support/redis-proxy';
import { RedisServer } from '../support/redis-server';
import { forkPod, stopAll, untilAcquainted, untilUp } from './pod-processes';
import { failures, RoamingClient, settled } from './recovery-pod';
import { stopProcess, type TestServer } from './topology';

const emit = (server: TestServer, rooms: string[], event: string, ...args: unknown[]) =>
  server.run('emit', { rooms, event, args });

// Another pod went on with what stood in Redis, without what had changed since, and the client was told that it had its state.
describe('recovery of a client whose pod cannot reach Redis', () => {
  let redis: RedisServer;
  /** Between the first pod and Redis. */
  let proxy: RedisProxy;
  let pods: [TestServer, TestServer];
  let clients: RoamingClient[] = [];

  beforeEach(async () => {
    redis = await RedisServer.start();
    proxy = await RedisProxy.start(redis);
    const env = { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' };
    const a = forkPod('pod-a', `redis://${proxy.host}:${proxy.port}`, env);
    pods = await Promise.all([a, forkPod('pod-b', redis.url, env)]);
    await untilAcquainted(pods);
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    clients = [];
    await stopAll(pods ?? []);
    await proxy?.stop();
    await redis?.stop();
  });

  async function client(server: TestServer): Promise<RoamingClient> {
    const created = new RoamingClient(server);
    clients.push(created);
    return created.connect();
  }

  /** A client of the first pod whose state stands in Redis. */
  async function storedClient(): Promise<RoamingClient> {
    const roamer = await client(pods[0]);
    await roamer.join('early');
    await settled(roamer, pods);
    return roamer;
  }

  /** Its connections are closed, or stay open, and no byte passes any more. */
  function cutOff(how: 'closed' | 'silent'): void {
    proxy.freeze();
    if (how === 'closed') proxy.cut();
  }

  async function untilStored(): Promise<void> {
    await until(async () => {
      const names = (await redis.cli('KEYS', '*recovery:hub:*')).split('\n').filter(Boolean);
      const stamps = await Promise.all(names.map((name) => redis.cli('GET', name)));
      return stamps.some((stamp) => stamp.includes('epoch=1') && !stamp.includes('incomplete'));
    }, 'the pod has stored what it had told of');
  }

  async function killFirst(...of: RoamingClient[]): Promise<void> {
    const gone = of.map((roamer) => roamer.gone());
    await stopProcess(pods[0]);
    await Promise.all(gone);
  }

  const told = (roamer: RoamingClient) => roamer.events.filter(([name]) => name === 'flotilla:offset');

  it.each(['closed', 'silent'] as const)('is refused where it has joined a room since: connections %s', async (how) => {
    const [, b] = pods;
    const roamer = await storedClient();
    cutOff(how);
    await roamer.join('room');
    expect(told(roamer)).toEqual([['flotilla:offset']]);
    await killFirst(roamer);
    await emit(b, ['room'], 'n', 1);
    await roamer.connect(b);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b)).toEqual({ 'link-outage': 1 });
  });

  it('is refused where it has changed anything else: a leave that nobody waits for, its data', async () => {
    const [a, b] = pods;
    const [leaver, owner] = [await storedClient(), await storedClient()];
    cutOff('closed');
    await leaver.leave('early');
    await a.run('setData', { id: owner.id, data: { user: 7 } });
    await Promise.all([leaver.until('flotilla:offset'), owner.until('flotilla:offset')]);
    await killFirst(leaver, owner);
    await Promise.all([leaver.connect(b), owner.connect(b)]);
    expect([leaver.recovered, owner.recovered]).toEqual([false, false]);
    expect(await failures(b)).toEqual({ 'link-outage': 2 });
  });

  it('is refused also at a pod that it has left for another while it lives', async () => {
    const [, b] = pods;
    const roamer = await storedClient();
    cutOff('closed');
    await roamer.join('room');
    await roamer.drop();
    await roamer.connect(b);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b)).toEqual({ 'link-outage': 1 });
  });

  it('is refused also where it has come back to its own pod meanwhile', async () => {
    const [a, b] = pods;
    const roamer = await storedClient();
    cutOff('closed');
    await roamer.join('room');
    await roamer.drop();
    await emit(a, ['room'], 'n', 1);
    const { length } = roamer.offsets;
    await roamer.connect(a);
    await roamer.until('n', 1);
    expect(roamer.recovered).toBe(true);
    // None of them makes it forget what it was told.
    expect(roamer.offsets.slice(length).filter((offset) => !offset.includes('~'))).toEqual([]);
    await killFirst(roamer);
    await roamer.connect(b);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b)).toEqual({ 'link-outage': 1 });
  });

  it('is recovered where its state was stored before its pod was killed, with everything', async () => {
    const [a, b] = pods;
    const roamer = await storedClient();
    cutOff('closed');
    await roamer.join('room');
    await emit(a, ['room'], 'n', 1);
    await roamer.until('n', 1);
    proxy.thaw();
    proxy.cut();
    await untilUp(a, 1);
    await untilStored();
    await emit(b, ['room'], 'n', 2);
    await roamer.until('n', 2);
    await killFirst(roamer);
    await emit(b, ['room'], 'n', 3);
    await emit(b, ['early'], 'n', 4);
    await roamer.connect(b);
    await settled(roamer, [b]);
    expect(await failures(b)).toEqual({});
    expect([roamer.recovered, roamer.got('n')]).toEqual([true, [1, 2, 3, 4]]);
  });

  it('is recovered where nothing of it has changed: it was told nothing', async () => {
    const [, b] = pods;
    const [changed, unchanged] = [await storedClient(), await storedClient()];
    cutOff('closed');
    await changed.join('room');
    await killFirst(changed, unchanged);
    await emit(b, ['early'], 'n', 1);
    await unchanged.connect(b);
    await settled(unchanged, [b]);
    expect([unchanged.recovered, unchanged.got('n'), told(unchanged)]).toEqual([true, [1], []]);
  });

  it('is told once, and new ones are not, which Redis does not know', async () => {
    const [a, b] = pods;
    const roamer = await storedClient();
    cutOff('closed');
    for (const room of ['1', '2', '3']) await roamer.join(room);
    const fresh = await client(a);
    for (const room of ['1', '2', '3']) await fresh.join(room);
    await settled(roamer, [a]);
    await settled(fresh, [a]);
    expect([told(roamer).length, told(fresh).length]).toEqual([1, 0]);
    await killFirst(roamer, fresh);
    await fresh.connect(b);
    expect(await failures(b)).toEqual({ 'unknown-session': 1 });
  });

  it('hears of it in no way by our client, which is refused all the same', async () => {
    const [, b] = pods;
    const roamer = await storedClient();
    hideOffsets(roamer.socket as never);
    cutOff('closed');
    await roamer.join('room');
    expect(told(roamer)).toEqual([]);
    await killFirst(roamer);
    await roamer.connect(b);
    expect(roamer.recovered).toBe(false);
    expect(await failures(b)).toEqual({ 'link-outage': 1 });
  });

  it('is recovered after Redis was only slow', async () => {
    const [, b] = pods;
    const roamer = await storedClient();
    redis.pause();
    await roamer.join('room');
    expect(told(roamer)).toHaveLength(1);
    redis.resume();
    await untilStored();
    await killFirst(roamer);
    await emit(b, ['room'], 'n', 1);
    await roamer.connect(b);
    await settled(roamer, [b]);
    expect([roamer.recovered, roamer.got('n'), await failures(b)]).toEqual([true, [1], {}]);
  });
});

describe('what is still to be stored', () => {
  const address = { nsp: '/', key: 'k' };
  const state = () => ({}) as never;
  const write = { generation: 1, isRepeated: false, goneForMs: undefined, state };
  const known = { mayHaveEarlier: true, isTold: false };
  const only = (writes: PendingWrites) => [...writes.values()];

  it('is to be told where the store has an earlier state, and the client is there', () => {
    const cases: Array<[object, object, boolean]> = [
      [{}, {}, true],
      [{}, { mayHaveEarlier: false }, false],
      [{}, { isTold: true }, false],
      [{ goneForMs: 5 }, {}, false],
      [{ isAgain: true }, {}, false],
      [{ state: undefined, events: [] }, {}, false],
    ];
    for (const [fields, about, expected] of cases) {
      const writes = new PendingWrites();
      writes.add('name', address, { ...write, ...fields } as never, { ...known, ...about });
      expect(only(writes).map(isToBeTold), JSON.stringify([fields, about])).toEqual([expected]);
    }
  });

  it('counts as told until it is stored, whatever comes after it', () => {
    const after: Array<(writes: PendingWrites) => void> = [
      (writes) => writes.add('name', address, write, known),
      (writes) => writes.add('name', address, { ...write, generation: 2 }, known),
      (writes) => writes.add('name', address, { ...write, goneForMs: 5 }, known),
      (writes) => writes.addRemoval('name', address, 1),
    ];
    for (const add of after) {
      const before = new PendingWrites();
      before.add('name', address, write, { ...known, isTold: true });
      add(before);
      expect(only(before).map(({ isTold }) => isTold)).toEqual([true]);

      const between = new PendingWrites();
      between.add('name', address, write, { ...known, isTold: true });
      const failed = between.take().get('name');
      add(between);
      between.putBack('name', failed as never);
      expect(only(between).map(({ isTold }) => isTold)).toEqual([true]);
    }
  });

  it('may stand in the store once it was tried', () => {
    const writes = new PendingWrites();
    writes.add('name', address, write, { ...known, mayHaveEarlier: false });
    const failed = writes.take().get('name');
    writes.putBack('name', failed as never);
    expect(only(writes).map(isToBeTold)).toEqual([true]);
  });
});

describe('own events of many sessions', () => {
  it('are found by socket, and so are those that come while they are gone through', () => {
    const log = new MessageLog(DEFAULT_RECOVERY_SETTINGS);
    const add = (only: string | undefined, text: string) =>
      log.add({
        origin: 'o',
        seq: 0,
        rooms: [],
        except: [],
        ...(only !== undefined && { only }),
        payload: Buffer.from(text),
      });
    const events = new OwnEvents(log);
    const taken = (sid: string) => events.take(sid).map(({ payload }) => Buffer.from(payload).toString());
    add('x', '1');
    add(undefined, 'to all');
    add('y', '2');
    add('x', '3');
    events.readOn();
    expect(taken('x')).toEqual(['1', '3']);
    add('y', '4');
    events.readOn();
    expect([taken('y'), taken('x'), taken('z')]).toEqual([['2', '4'], [], []]);
  });
});
