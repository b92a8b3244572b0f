import connectClient2 from 'socket.io-client-2';
import { afterEach, describe, expect, it } from 'vitest';
import { MessageLog } from '../../dist/bus/recovery/message-log';
import { formatOffset, type Position, parseOffset } from '../../dist/bus/recovery/position';
import { SessionRecord } from '../../dist/bus/recovery/session-record';
import { DEFAULT_RECOVERY_SETTINGS } from '../../dist/bus/recovery/settings';
import { addressOf, failures, type RecoveryPod, RoamingClient, range, startRecoveryPod } from './recovery-pod';
import { stopProcess, type TestServer } from './topology';

describe('what recovery keeps', () => {
  let pod: RecoveryPod;
  const clients: RoamingClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await pod?.close();
  });

  async function client(server: TestServer): Promise<RoamingClient> {
    const created = await new RoamingClient(server).connect();
    clients.push(created);
    return created;
  }

  it('has bounds: who has missed what is no longer kept gets a fresh socket, and who has missed nothing is recovered', async () => {
    pod = await startRecoveryPod(2, { maxMessages: 10 });
    const [first, second] = pod.servers as [TestServer, TestServer];
    const busy = await client(first);
    await busy.join('busy');
    const quiet = await client(first);
    await quiet.join('quiet');
    await first.run('emit', { rooms: ['quiet'], event: 'n', args: [1] });
    await second.run('emit', { rooms: ['quiet'], event: 'n', args: [2] });
    await quiet.untilTrue(() => quiet.got('n').length === 2);
    await Promise.all([busy.drop(), quiet.drop()]);
    for (const number of range(1, 30)) {
      await (number % 2 ? first : second).run('emit', { rooms: ['busy'], event: 'n', args: [number] });
    }
    await busy.connect(second);
    await quiet.connect(second);
    expect([busy.recovered, quiet.recovered]).toEqual([false, true]);
    expect(await failures(second)).toEqual({ trimmed: 1 });
    expect(quiet.got('n').sort()).toEqual([1, 2]);
  });

  it('ends after a time', async () => {
    pod = await startRecoveryPod(1, { maxDisconnectionDurationMs: 50 });
    const [server] = pod.servers as [TestServer];
    const roamer = await client(server);
    await roamer.drop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await roamer.connect();
    expect(roamer.recovered).toBe(false);
    expect(await failures(server)).toEqual({ expired: 1 });
  });

  it('does not hold sockets that have gone in a worker that has none left', async () => {
    pod = await startRecoveryPod(1);
    const [server] = pod.servers as [TestServer];
    const roamers = await Promise.all(range(1, 150).map(() => client(server)));
    expect(await server.run('rememberSockets')).toBe(150);
    await Promise.all(roamers.map((roamer) => roamer.drop()));
    // An iterator over the sockets' map, halfway when the last one went, kept what the map had when it shrank.
    await expect.poll(() => server.run('socketsHeld'), { timeout: 10_000 }).toBe(0);
  });

  it('does not wait for ever for a worker that hangs', async () => {
    pod = await startRecoveryPod(2);
    const [first, second] = pod.servers as [TestServer, TestServer];
    const roamer = await client(first);
    await roamer.join('hung');
    first.process?.kill('SIGSTOP');
    await roamer.drop();
    await second.run('emit', { rooms: ['hung'], event: 'n', args: [1] });
    await roamer.connect(second);
    await roamer.until('n', 1);
    expect(roamer.recovered).toBe(true);
    first.process?.kill('SIGCONT');
    // What it says now of the older socket is not listened to.
    await first.run('serverCount');
    await second.run('emit', { rooms: ['hung'], event: 'n', args: [2] });
    await roamer.until('n', 2);
    await stopProcess(first);
    expect(roamer.got('n')).toEqual([1, 2]);
  });

  it('gives clients of Engine.IO 3 exactly the arguments that were sent', async () => {
    pod = await startRecoveryPod(2, {});
    const [first, second] = pod.servers as [TestServer, TestServer];
    const old = connectClient2(addressOf(first), { transports: ['websocket'], forceNew: true, reconnection: false });
    const heard: unknown[][] = [];
    const done = new Promise((resolve) => {
      old.on('n', (...args: unknown[]) => {
        heard.push(args);
        if (args[0] === 'last') resolve(undefined);
      });
    });
    await new Promise((resolve) => old.once('connect', resolve));
    await first.run('emit', { event: 'n', args: ['local', { a: 1 }] });
    const [{ id }] = (await first.run('fetchSockets', { flags: { local: true } })).sockets;
    await first.run('emitAlone', { id, event: 'n', args: ['alone'] });
    await first.run('emit', { event: 'n', args: [] });
    await second.run('emit', { event: 'n', args: ['last'] });
    await done;
    expect(heard).toEqual([['local', { a: 1 }], ['alone'], [], ['last']]);
    old.close();
  });

  it('gives volatile messages and those that ask for an acknowledgement no offset', async () => {
    pod = await startRecoveryPod(1, {});
    const [server] = pod.servers as [TestServer];
    const roamer = await client(server);
    roamer.socket.on('asked', (callback: (answer: string) => void) => callback('yes'));
    await server.run('emit', { flags: { volatile: true }, event: 'n', args: [1] });
    await roamer.until('n', 1);
    expect((await server.run('emitWithAck', { event: 'asked', timeout: 5_000 })).responses).toEqual(['yes']);
    expect(roamer.offsets).toEqual([]);
  });
});

describe('positions', () => {
  it('come back from the text of an offset, and nothing else does', () => {
    const position = { origin: 'Ab_-9', seq: 12_345, order: 2 ** 40 };
    expect(parseOffset(formatOffset(position))).toEqual(position);
    for (const text of [
      '',
      'x',
      '\u0001',
      '\u0001a.b',
      '\u0001a.1.2.3',
      `${formatOffset(position)} `,
      '\u0001a b.1.2',
    ]) {
      expect(parseOffset(text)).toBeUndefined();
    }
  });
});

describe('the log of messages', () => {
  const worker = undefined as never;
  const record = (started: Position, rooms: string[]) => {
    const session = new SessionRecord('sid', 'key', started, {
      generation: 1,
      worker,
      data: {},
      binding: '',
      isRepeated: false,
    });
    for (const room of rooms) session.join(room, started);
    return session;
  };
  const message = (origin: string, seq: number, room: string) => ({
    origin,
    seq,
    rooms: [room],
    except: [],
    payload: new Uint8Array(10),
  });

  it('knows what it no longer has, by room and by who sent it', () => {
    const log = new MessageLog({ ...DEFAULT_RECOVERY_SETTINGS, maxMessages: 1 });
    const session = record({ origin: 'w', seq: 0, order: 0 }, ['r']);
    log.add(message('w', 1, 'r'));
    log.add(message('v', 1, 'other'));
    // Its own worker's message, which the client has got, whatever number the hub gave it.
    expect(session.isCompleteAfter({ origin: 'w', seq: 1, order: 0 }, log)).toBe(true);
    expect(session.isCompleteAfter({ origin: 'w', seq: 0, order: 0 }, log)).toBe(false);
    log.add(message('v', 2, 'r'));
    log.add(message('w', 2, 'r'));
    log.add(message('v', 3, 'other'));
    // Of another worker, before the last one of its own.
    expect(session.isCompleteAfter({ origin: 'w', seq: 2, order: 2 }, log)).toBe(false);
    expect(session.isCompleteAfter({ origin: 'w', seq: 2, order: 3 }, log)).toBe(true);
  });

  it('stays within its bytes', () => {
    const log = new MessageLog({ ...DEFAULT_RECOVERY_SETTINGS, maxBytes: 100_000 });
    for (let index = 0; index < 10_000; index++)
      log.add({ ...message('w', index, 'r'), payload: new Uint8Array(1_000) });
    expect(log.bytes).toBeLessThanOrEqual(100_000);
    expect(log.size).toBeGreaterThan(50);
    expect([...log.after(log.order - 3)].map(({ order }) => order)).toEqual([9_998, 9_999, 10_000]);
  });

  it('forgets stays in rooms that no message is left of', () => {
    const log = new MessageLog({ ...DEFAULT_RECOVERY_SETTINGS, maxMessages: 5 });
    const session = record({ origin: 'w', seq: 0, order: 0 }, []);
    for (let round = 0; round < 1_000; round++) {
      const room = `room ${round}`;
      session.join(room, { origin: 'w', seq: round, order: log.order });
      log.add(message('w', round + 1, room));
      session.leave(room, { origin: 'w', seq: round + 1, order: log.order }, log);
    }
    expect(session.rooms).toEqual([]);
    expect(session.staysKept).toBeLessThan(100);
  });
});
