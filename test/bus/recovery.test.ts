import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RecoveryPod, RoamingClient, range, settled as settledFrom, startRecoveryPod } from './recovery-pod';
import { stopProcess, type TestServer } from './topology';

describe('connection state recovery in one pod', () => {
  let pod: RecoveryPod;
  let servers: [TestServer, TestServer, TestServer];
  const clients: RoamingClient[] = [];

  beforeAll(async () => {
    pod = await startRecoveryPod(3);
    servers = pod.servers.slice(0, 3) as typeof servers;
  });
  afterAll(() => pod?.close());
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  async function client(server: TestServer, options?: ConstructorParameters<typeof RoamingClient>[1]) {
    const created = new RoamingClient(server, options);
    clients.push(created);
    return created.connect();
  }

  const emit = (server: TestServer, rooms: string[], event: string, ...args: unknown[]) =>
    server.run('emit', { rooms, event, args });

  const settled = (roamer: RoamingClient, from: TestServer[] = servers) => settledFrom(roamer, from);

  it('gives a client on another worker its id, its rooms, its data and what it has missed, in order', async () => {
    const roamer = await client(servers[0]);
    await roamer.join(['news', 'sport']);
    const { id } = roamer;
    await servers[0].run('setData', { id, data: { user: 7, photo: Buffer.from([1, 2]) } });
    await emit(servers[0], ['news'], 'n', 1);
    await emit(servers[1], ['news'], 'n', 2);
    await settled(roamer);
    await roamer.drop();
    await emit(servers[0], ['news'], 'n', 3);
    await emit(servers[1], ['sport'], 'n', 4);
    await emit(servers[2], ['elsewhere'], 'n', 'not for it');
    await emit(servers[2], [], 'n', 5);
    await emit(servers[1], [id], 'n', 6);
    await servers[2].run('emit', { rooms: ['news'], except: ['sport'], event: 'n', args: ['left out'] });
    await roamer.connect(servers[1]);
    expect([roamer.recovered, roamer.id]).toEqual([true, id]);
    await emit(servers[2], ['sport'], 'n', 7);
    await roamer.until('n', 7);
    expect(roamer.got('n')).toEqual(range(1, 7));
    const [found] = (await servers[0].run('fetchSockets', { rooms: [id] })).sockets;
    expect(found.rooms.sort()).toEqual(['news', 'sport', id].sort());
    expect(found.data).toEqual({ user: 7, photo: Buffer.from([1, 2]) });
  });

  it('sends what it has sent already a second time to nobody, whoever sent it', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('once');
    for (const number of range(1, 12)) await emit(servers[number % 3] as TestServer, ['once'], 'n', number);
    await settled(roamer);
    for (const server of [servers[1], servers[0], servers[0], servers[2]]) {
      await roamer.drop();
      await roamer.connect(server);
      expect(roamer.recovered).toBe(true);
    }
    await settled(roamer);
    expect(roamer.got('n').sort((left, right) => Number(left) - Number(right))).toEqual(range(1, 12));
  });

  it('lets a client recover that has had no event yet', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('quiet');
    await roamer.drop();
    await emit(servers[1], ['quiet'], 'n', 1);
    await roamer.connect(servers[2]);
    await roamer.until('n', 1);
    expect(roamer.recovered).toBe(true);
    expect(roamer.offsets).toHaveLength(1);
  });

  it('replays what was sent while it was a member, and neither what came before a join nor what came after a leave', async () => {
    const other = await client(servers[1]);
    await other.join(['early', 'late']);
    await emit(servers[1], ['early', 'late'], 'n', 'before');
    const roamer = await client(servers[0]);
    await emit(servers[1], ['early'], 'n', 'before the join');
    await emit(servers[0], ['early'], 'n', 'before the join');
    await roamer.join('early');
    await roamer.drop();
    await emit(servers[1], ['early'], 'n', 1);
    await roamer.connect(servers[2]);
    await roamer.until('n', 1);
    await roamer.leave('early');
    await emit(servers[1], ['early'], 'n', 'after the leave');
    await emit(servers[2], ['early'], 'n', 'after the leave');
    await roamer.join('late');
    await roamer.drop();
    await emit(servers[2], ['early'], 'n', 'after the leave');
    await emit(servers[2], ['late'], 'n', 2);
    await roamer.connect(servers[0]);
    await settled(roamer);
    expect(roamer.got('n')).toEqual([1, 2]);
  });

  it('replays what was sent to the socket alone, among what was sent to its rooms', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('mixed');
    await servers[0].run('emitAlone', { id: roamer.id, event: 'n', args: [1] });
    await roamer.until('n', 1);
    await roamer.drop();
    await emit(servers[0], ['mixed'], 'n', 2);
    await roamer.connect(servers[0]);
    // The worker that has it sends, and dies before the client has read.
    await servers[0].run('emitAlone', { id: roamer.id, event: 'n', args: [3] });
    await emit(servers[1], ['mixed'], 'n', 4);
    await settled(roamer);
    await roamer.drop();
    await roamer.connect(servers[1]);
    await settled(roamer);
    expect(roamer.got('n')).toEqual([1, 2, 3, 4]);
  });

  it('keeps bytes and namespaces', async () => {
    const roamer = await client(servers[0], { nsp: '/custom' });
    await roamer.drop();
    const args = [1, { photo: Buffer.from([1, 2, 3]) }];
    await servers[1].run('emit', { nsp: '/custom', event: 'n', args });
    await servers[1].run('emit', { event: 'n', args: ['other namespace'] });
    await roamer.connect(servers[2]);
    await roamer.until('n', 1);
    expect(roamer.events).toEqual([['n', ...args]]);
  });

  it('does not recover who has left or was sent away', async () => {
    const roamer = await client(servers[0]);
    const { id } = roamer;
    roamer.socket.disconnect();
    await roamer.connect(servers[1]);
    expect([roamer.recovered, roamer.id === id]).toEqual([false, false]);
    const gone = roamer.gone();
    await servers[1].run('disconnectSockets', { rooms: [roamer.id], close: false });
    await gone;
    await roamer.connect(servers[2]);
    expect(roamer.recovered).toBe(false);
  });

  it('ends the older connection of a client that comes back over a new one', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('twice');
    await emit(servers[1], ['twice'], 'n', 1);
    await roamer.until('n', 1);
    const { id } = roamer;
    const { _pid: pid, _lastOffset: offset } = roamer.socket as unknown as { _pid: string; _lastOffset: string };
    const second = new RoamingClient(servers[1]);
    clients.push(second);
    Object.assign(second.socket, { _pid: pid, _lastOffset: offset });
    const gone = roamer.gone();
    await second.connect();
    await gone;
    expect([second.recovered, second.id]).toEqual([true, id]);
    await emit(servers[0], ['twice'], 'n', 2);
    await second.until('n', 2);
    expect([second.got('n'), roamer.got('n')]).toEqual([[2], [1]]);
  });

  it('refuses a private id that nobody knows, and an offset that is none; both are counted', async () => {
    const stranger = new RoamingClient(servers[0]);
    clients.push(stranger);
    Object.assign(stranger.socket, { _pid: 'guessed', _lastOffset: 'x' });
    await stranger.connect();
    expect(stranger.recovered).toBe(false);
    Object.assign(stranger.socket, { _lastOffset: 'no offset' });
    await stranger.drop();
    await stranger.connect();
    expect(stranger.recovered).toBe(false);
    const { failedByReason } = await servers[0].run('recoveryCounts');
    expect(failedByReason).toMatchObject({ 'unknown-session': 1, 'unknown-offset': 1 });
  });

  it('survives the death of the worker that has it, again and again', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('mortal');
    const { id } = roamer;
    let sent = 0;
    for (let round = 0; round < 2; round++) {
      const victim = await pod.addServer();
      await roamer.drop();
      await roamer.connect(victim);
      await emit(servers[0], ['mortal'], 'n', ++sent);
      await roamer.until('n', sent);
      await victim.run('emitBurst', { rooms: ['mortal'], event: 'burst', run: round, origin: 'victim', count: 50 });
      const gone = roamer.gone();
      await stopProcess(victim);
      await gone;
      await emit(servers[1], ['mortal'], 'n', ++sent);
      await roamer.connect(servers[2]);
      expect([roamer.recovered, roamer.id]).toEqual([true, id]);
      await settled(roamer);
    }
    expect(roamer.got('n')).toEqual(range(1, sent));
    const bursts = roamer.events.filter(([name]) => name === 'burst').map(([, run, , index]) => `${run}/${index}`);
    expect(bursts).toEqual([0, 1].flatMap((run) => range(0, 49).map((index) => `${run}/${index}`)));
  });

  it('loses nothing while a slow middleware runs', async () => {
    await servers[1].run('delayConnections', { ms: 100 });
    const roamer = await client(servers[0]);
    await roamer.join('slow');
    await roamer.drop();
    const back = roamer.connect(servers[1]);
    let sent = 0;
    while (!roamer.socket.connected) {
      for (const server of servers) await emit(server, ['slow'], 'n', ++sent);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await back;
    await servers[1].run('delayConnections', { ms: 0 });
    await settled(roamer);
    expect(roamer.recovered).toBe(true);
    expect([...roamer.got('n')].sort((left, right) => Number(left) - Number(right))).toEqual(range(1, sent));
  });

  it('replays a long absence in batches, and what comes meanwhile afterwards', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('bulk');
    await roamer.drop();
    const pad = 'x'.repeat(20_000);
    for (const number of range(1, 100)) await emit(servers[number % 3] as TestServer, ['bulk'], 'n', number, pad);
    const back = roamer.connect(servers[1]);
    for (const number of range(101, 110)) await emit(servers[1], ['bulk'], 'n', number);
    await back;
    await settled(roamer);
    expect(roamer.recovered).toBe(true);
    expect(roamer.got('n')).toEqual(range(1, 110));
  });

  it('replays messages that are a batch each without waiting for the next ping', async () => {
    const roamer = await client(servers[0]);
    await roamer.join('large');
    await roamer.drop();
    const pad = 'x'.repeat(400_000);
    for (const number of range(1, 5)) await emit(servers[1], ['large'], 'n', number, pad);
    let pings = 0;
    roamer.socket.io.on('ping', () => {
      pings += 1;
    });
    await roamer.connect(servers[1]);
    await roamer.until('n', 5);
    expect(roamer.recovered).toBe(true);
    expect(roamer.got('n')).toEqual(range(1, 5));
    expect(pings).toBe(0);
  });
});
