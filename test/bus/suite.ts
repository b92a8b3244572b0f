import { createHash } from 'node:crypto';
import { io as connect, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stopProcess, type TestServer, type Topology, untilServerCount } from './topology';

/** A topology with three servers, for the suite to run over. */
export type TopologyFactory = () => Promise<Topology>;

export interface BusSuiteOptions {
  /** Whether each server has a process of its own, which can be killed and stopped. */
  ownProcesses: boolean;
}

/**
 * What users of Socket.IO's adapters rely on, over three servers that are one fleet.
 * The behaviours are those that the adapter suites of the Socket.IO family describe, and ours on top.
 */
export function busSuite(name: string, createTopology: TopologyFactory, { ownProcesses }: BusSuiteOptions): void {
  describe(`bus over ${name}`, () => {
    let topology: Topology;
    let size: number;
    /** The ones that clients connect to. */
    let servers: [TestServer, TestServer, TestServer];
    let clients: Socket[] = [];

    beforeAll(async () => {
      topology = await createTopology();
      size = topology.servers.length;
      servers = topology.servers.slice(0, 3) as typeof servers;
    });
    afterAll(() => topology?.close());
    afterEach(async () => {
      const ids = new Set(clients.map((client) => client.id));
      for (const client of clients) client.close();
      clients = [];
      const isGone = async (server: TestServer) =>
        !(await server.run('localRooms')).some((room: string) => ids.has(room));
      for (const server of servers) while (!(await isGone(server))) await nextTurn();
    });

    /** A client of the server with this index. */
    async function client(index: number, options: { query?: Record<string, string>; transports?: string[] } = {}) {
      const socket = connect(`http://127.0.0.1:${(servers[index] as TestServer).port}`, {
        forceNew: true,
        reconnection: false,
        transports: options.transports ?? ['websocket'],
        query: options.query,
      });
      clients.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      });
      return socket;
    }

    /** One client on each server. */
    const threeClients = () => Promise.all([client(0), client(1), client(2)]);
    const join = (socket: Socket, room: string | string[]) => socket.emitWithAck('join', room);

    /** Everything that a client gets from now on, until all that was sent before `flush` has arrived. */
    function recorder(sockets: Socket[]) {
      const got: unknown[][][] = sockets.map(() => []);
      sockets.forEach((socket, index) => {
        socket.onAny((...args: unknown[]) => (got[index] as unknown[][]).push(args));
      });
      return {
        got,
        /** What each client got; a fleet-wide marker from each server comes last on every path. */
        async settle(): Promise<string[][]> {
          const marker = `marker-${Math.random()}`;
          const seen = sockets.map(
            (socket) =>
              new Promise<void>((resolve) => {
                let missing = topology.servers.length;
                socket.on(marker, () => {
                  missing -= 1;
                  if (missing === 0) resolve();
                });
              }),
          );
          for (const server of topology.servers) await server.run('emit', { event: marker });
          await Promise.all(seen);
          return got.map((events) =>
            events.map(([event]) => String(event)).filter((event) => !event.startsWith('marker-')),
          );
        },
      };
    }

    describe('broadcast', () => {
      it('reaches every client', async () => {
        const record = recorder(await threeClients());
        await servers[0].run('emit', { event: 'hello', args: [1, '2', { 3: ['4'] }] });
        expect(await record.settle()).toEqual([['hello'], ['hello'], ['hello']]);
        expect(record.got.map((events) => events.find(([event]) => event === 'hello'))).toEqual(
          Array(3).fill(['hello', 1, '2', { 3: ['4'] }]),
        );
      });

      it('reaches the members of a room, wherever it starts', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 'room1');
        await join(sockets[2], 'room1');
        const record = recorder(sockets);
        for (const server of servers) await server.run('emit', { rooms: ['room1'], event: 'hello' });
        expect(await record.settle()).toEqual([[], ['hello', 'hello', 'hello'], ['hello', 'hello', 'hello']]);
      });

      it('spares the rooms in except', async () => {
        const sockets = await threeClients();
        await join(sockets[1], ['room1', 'room2']);
        await join(sockets[2], 'room1');
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: ['room1'], except: ['room2'], event: 'hello' });
        await servers[0].run('emit', { except: ['room1'], event: 'bye' });
        expect(await record.settle()).toEqual([['bye'], [], ['hello']]);
      });

      it('gives one copy to a socket in several of the rooms', async () => {
        const sockets = await threeClients();
        for (const socket of sockets) await join(socket, ['a', 'b', 'c']);
        const record = recorder(sockets);
        await servers[1].run('emit', { rooms: ['a', 'b', 'c'], event: 'hello' });
        expect(await record.settle()).toEqual([['hello'], ['hello'], ['hello']]);
      });

      it('takes a number for a room, and does not take it for the text of that number', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 123 as never);
        await join(sockets[2], '123');
        const record = recorder(sockets);
        for (const server of servers) await server.run('emit', { rooms: [123], event: 'number' });
        await servers[0].run('emit', { rooms: ['123'], event: 'text' });
        expect(await record.settle()).toEqual([[], ['number', 'number', 'number'], ['text']]);
        expect((await servers[0].run('fetchSockets', { rooms: [123] })).sockets).toHaveLength(1);
      });

      it('stays on its server with the local flag', async () => {
        const record = recorder(await threeClients());
        await servers[0].run('emit', { flags: { local: true }, event: 'hello' });
        expect(await record.settle()).toEqual([['hello'], [], []]);
      });

      it('refuses a message that is too large, before anybody gets it', async () => {
        const record = recorder(await threeClients());
        const huge = Buffer.alloc(16 * 1024 * 1024 + 1);
        await expect(servers[0].run('emit', { event: 'huge', args: [huge] })).rejects.toThrow(/maxMessageBytes/);
        expect(await record.settle()).toEqual([[], [], []]);
      });

      it('works with the volatile flag', async () => {
        const record = recorder(await threeClients());
        await servers[0].run('emit', { flags: { volatile: true }, event: 'hello' });
        expect(await record.settle()).toEqual([['hello'], ['hello'], ['hello']]);
      });

      it('keeps the order of one origin', async () => {
        const sockets = await threeClients();
        for (const socket of sockets) await join(socket, 'ordered');
        const record = recorder(sockets);
        const runs: Array<Promise<unknown>> = [];
        for (let index = 0; index < 500; index++)
          runs.push(servers[0].run('emit', { rooms: ['ordered'], event: `n${index}` }));
        await Promise.all(runs);
        const expected = Array.from({ length: 500 }, (_, index) => `n${index}`);
        expect(await record.settle()).toEqual([expected, expected, expected]);
      });

      it('keeps the order of one origin in every room, whichever rooms its messages go to', async () => {
        const sockets = await threeClients();
        await join(sockets[0], ['a', 'b', 'c']);
        await join(sockets[1], ['a', 'b']);
        await join(sockets[2], ['b', 'c']);
        const record = recorder(sockets);
        const targets = [['a'], ['a', 'b'], ['b'], ['c', 'a'], ['c'], ['a', 'b', 'c'], ['b', 'a']];
        const sent: Array<{ event: string; rooms: string[] }> = [];
        for (let index = 0; index < 210; index++)
          sent.push({ event: `n${index}`, rooms: targets[index % targets.length] as string[] });
        await servers[1].run('emitSeveral', { messages: sent });
        const expected = [
          ['a', 'b', 'c'],
          ['a', 'b'],
          ['b', 'c'],
        ].map((joined) =>
          sent.filter(({ rooms }) => rooms.some((room) => joined.includes(room))).map(({ event }) => event),
        );
        await record.settle();
        for (const [index, socket] of sockets.entries()) {
          // Messages without a common room may overtake each other; those of one room may not, and each comes once.
          const got = (record.got[index] ?? [])
            .map(([event]) => String(event))
            .filter((event) => event.startsWith('n'));
          expect([...got].sort(), `client ${index} (${socket.id}) has each message once`).toEqual(
            [...(expected[index] ?? [])].sort(),
          );
          for (const room of ['a', 'b', 'c']) {
            const inRoom = (event: string) => sent[Number(event.slice(1))]?.rooms.includes(room);
            expect(got.filter(inRoom), `client ${index}, room ${room}`).toEqual((expected[index] ?? []).filter(inRoom));
          }
        }
      });

      it('reaches no client of another namespace', async () => {
        const record = recorder(await threeClients());
        await servers[0].run('emit', { nsp: '/other', event: 'hello' });
        expect(await record.settle()).toEqual([[], [], []]);
      });

      it('reaches the clients of a namespace of its own, and only those', async () => {
        const main = await threeClients();
        const custom = await Promise.all(
          main.map(async (socket) => {
            const other = socket.io.socket('/custom');
            clients.push(other);
            await new Promise<void>((resolve) => other.once('connect', resolve));
            return other;
          }),
        );
        const record = recorder(main);
        const got = custom.map((socket) => new Promise((resolve) => socket.once('hello', resolve)));
        await servers[0].run('emit', { nsp: '/custom', event: 'hello', args: [1] });
        expect(await Promise.all(got)).toEqual([1, 1, 1]);
        expect(await record.settle()).toEqual([[], [], []]);
      });

      it('reaches a polling client', async () => {
        const record = recorder([await client(2, { transports: ['polling'] })]);
        await servers[0].run('emit', { event: 'hello' });
        expect(await record.settle()).toEqual([['hello']]);
      });

      it.each([['websocket'], ['polling']])('C13: brings bytes unharmed over %s', async (transport) => {
        const sockets = await Promise.all([0, 1, 2].map((index) => client(index, { transports: [transport] })));
        const disconnects: string[] = [];
        for (const socket of sockets) socket.on('disconnect', (reason) => disconnects.push(reason));
        const large = Buffer.alloc(900_000);
        for (let index = 0; index < large.length; index++) large[index] = (index * 31 + (index >> 8)) & 255;
        const received = sockets.map(
          (socket) => new Promise<unknown[]>((resolve) => socket.once('bytes', (...args) => resolve(args))),
        );
        const four = Buffer.from([0, 1, 254, 255]);
        await servers[0].run('emit', {
          event: 'bytes',
          args: [{ a: four, b: [Buffer.alloc(0)], c: large, d: new Uint8Array(four) }, 'text ✓'],
        });
        for (const args of await Promise.all(received)) {
          const [value, text] = args as [{ a: Buffer; b: Buffer[]; c: Buffer; d: Buffer }, string];
          expect(Buffer.from(value.a)).toEqual(four);
          expect(Buffer.from(value.d)).toEqual(four);
          expect(Buffer.from(value.b[0] as Buffer)).toHaveLength(0);
          expect(hash(value.c)).toBe(hash(large));
          expect(text).toBe('text ✓');
        }
        expect(disconnects).toEqual([]);
      });
    });

    describe('local order', () => {
      it('delivers a broadcast before a leave in the same tick, and nothing after it', async () => {
        const [first] = await threeClients();
        await join(first, 'leaving');
        const record = recorder([first]);
        await servers[0].run('emitTwiceAndLeave', { id: first.id, room: 'leaving', event: 'bye' });
        await record.settle();
        expect(record.got[0]?.filter(([event]) => event === 'bye')).toEqual([['bye', 1]]);
      });

      it('delivers a broadcast before the acknowledgement that follows it', async () => {
        const socket = await client(0);
        await join(socket, 'room1');
        const order: string[] = [];
        socket.on('event', () => order.push('event'));
        await socket.emitWithAck('emit-then-ack', 'room1', 'event').then(() => order.push('ack'));
        expect(order).toEqual(['event', 'ack']);
      });
    });

    describe('joins', () => {
      it('lose nothing between a join without callback, the answer, and a broadcast from another server: 500 of 500', async () => {
        const socket = await client(1);
        let received = 0;
        socket.on('hello', () => {
          received += 1;
        });
        for (let round = 0; round < 500; round++) {
          await socket.emitWithAck('join-then-answer', `round${round}`);
          await servers[0].run('emit', { rooms: [`round${round}`], event: 'hello' });
        }
        const record = recorder([socket]);
        await record.settle();
        expect(received).toBe(500);
      });

      it('take effect for a broadcast that follows an order to join from the same server', async () => {
        const sockets = await threeClients();
        await Promise.all(sockets.map((socket) => join(socket, 'before')));
        const record = recorder(sockets);
        await servers[0].run('socketsJoinThenEmit', { rooms: ['before'], join: 'after', event: 'hello' });
        expect(await record.settle()).toEqual([['hello'], ['hello'], ['hello']]);
      });
    });

    describe('rooms that look like socket ids', () => {
      it('reach the socket of that id, once, from every server', async () => {
        const sockets = await threeClients();
        const record = recorder(sockets);
        for (const server of servers) await server.run('emit', { rooms: [sockets[1].id], event: 'hello' });
        expect(await record.settle()).toEqual([[], ['hello', 'hello', 'hello'], []]);
      });

      it("reach other sockets that joined a room named after somebody's id, one copy each", async () => {
        const sockets = await threeClients();
        await join(sockets[0], sockets[1].id as string);
        await join(sockets[2], sockets[1].id as string);
        const record = recorder(sockets);
        for (const server of servers) await server.run('emit', { rooms: [sockets[1].id], event: 'hello' });
        expect(await record.settle()).toEqual(Array(3).fill(['hello', 'hello', 'hello']));
      });

      it('still reach the others after the socket of that id has gone', async () => {
        const sockets = await threeClients();
        const id = sockets[1].id as string;
        await join(sockets[2], id);
        sockets[1].close();
        let left: string[] = [id];
        while (left.includes(id)) {
          await nextTurn();
          left = await servers[1].run('localRooms');
        }
        const record = recorder([sockets[0], sockets[2]]);
        await servers[0].run('emit', { rooms: [id], event: 'hello' });
        expect(await record.settle()).toEqual([[], ['hello']]);
      });

      it('work as plain rooms where no socket has such an id', async () => {
        const sockets = await threeClients();
        const room = 'a-room-of-20-letters';
        expect(room).toHaveLength(20);
        await join(sockets[2], room);
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: [room], event: 'hello' });
        expect(await record.settle()).toEqual([[], [], ['hello']]);
      });
    });

    describe('orders to sockets', () => {
      it('make all sockets join and leave', async () => {
        const sockets = await threeClients();
        await servers[0].run('socketsJoin', { join: ['room1', 'room2'] });
        const record = recorder(sockets);
        await servers[1].run('emit', { rooms: ['room1'], event: 'one' });
        expect(await record.settle()).toEqual([['one'], ['one'], ['one']]);
        await servers[2].run('socketsLeave', { rooms: ['room2'], leave: ['room1'] });
        await servers[1].run('emit', { rooms: ['room1'], event: 'two' });
        expect(await record.settle()).toEqual([['one'], ['one'], ['one']]);
      });

      it('mean only the matching sockets, and only local ones with the local flag', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 'some');
        await servers[0].run('socketsJoin', { rooms: ['some'], join: ['more'] });
        await servers[2].run('socketsJoin', { flags: { local: true }, join: ['here'] });
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: ['more'], event: 'more' });
        await servers[0].run('emit', { rooms: ['here'], event: 'here' });
        expect(await record.settle()).toEqual([[], ['more'], ['here']]);
      });

      it('disconnect sockets', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 'out');
        await join(sockets[2], 'out');
        const reasons = [1, 2].map((index) => new Promise((resolve) => sockets[index]?.once('disconnect', resolve)));
        await servers[0].run('disconnectSockets', { rooms: ['out'], close: true });
        expect(await Promise.all(reasons)).toEqual(['io server disconnect', 'io server disconnect']);
        expect(sockets[0].connected).toBe(true);
      });

      it('to disconnect come after what was sent before', async () => {
        const sockets = await threeClients();
        const events = sockets.map((socket) => {
          const seen: string[] = [];
          socket.on('bye', () => seen.push('bye'));
          return new Promise<string[]>((resolve) => socket.once('disconnect', (reason) => resolve([...seen, reason])));
        });
        await servers[0].run('emitThenDisconnect', { event: 'bye' });
        expect(await Promise.all(events)).toEqual(Array(3).fill(['bye', 'io server disconnect']));
      });

      it('C01: say how many sockets they reached, once it has happened there', async () => {
        const sockets = await threeClients();
        const target = { rooms: [], ids: [sockets[1].id, sockets[2].id] };
        expect(await servers[0].run('joinAnywhere', { target, rooms: ['fun'] })).toEqual({ matched: 2, silent: [] });
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: ['fun'], event: 'one' });
        expect(await servers[0].run('leaveAnywhere', { target: { rooms: ['fun'] }, rooms: ['fun'] })).toEqual({
          matched: 2,
          silent: [],
        });
        await servers[0].run('emit', { rooms: ['fun'], event: 'two' });
        expect(await record.settle()).toEqual([[], ['one'], ['one']]);
      });

      it('C01: say that an unknown id is nobody', async () => {
        const unknown = { rooms: [], ids: ['no-such-id', 'AAAAAAAAAAAAAAAAAAAA'] };
        expect(await servers[0].run('joinAnywhere', { target: unknown, rooms: ['fun'] })).toEqual({
          matched: 0,
          silent: [],
        });
      });

      it('by id spare the other members of a room named after that id', async () => {
        const sockets = await threeClients();
        await join(sockets[2], sockets[1].id as string);
        const target = { rooms: [], ids: [sockets[1].id] };
        expect(await servers[0].run('joinAnywhere', { target, rooms: ['only'] })).toEqual({ matched: 1, silent: [] });
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: ['only'], event: 'hello' });
        expect(await record.settle()).toEqual([[], ['hello'], []]);
      });

      it('make a socket leave everything but its own room', async () => {
        const sockets = await threeClients();
        await join(sockets[1], ['a', 'b']);
        await servers[0].run('leaveAllAnywhere', { target: { rooms: [], ids: [sockets[1].id] } });
        const record = recorder(sockets);
        await servers[0].run('emit', { rooms: ['a', 'b'], event: 'rooms' });
        await servers[0].run('emit', { rooms: [sockets[1].id], event: 'own' });
        expect(await record.settle()).toEqual([[], ['own'], []]);
      });
    });

    describe('fetchSockets', () => {
      it('finds the sockets of all servers with rooms, data and handshake', async () => {
        const [first, second, third] = await Promise.all(
          [0, 1, 2].map((index) => client(index, { query: { who: `c${index}` } })),
        );
        await servers[1].run('setData', { id: second?.id, data: { accountId: 42, at: new Date(0) } });
        const { sockets } = await servers[0].run('fetchSockets');
        expect(sockets.map(({ id }: { id: string }) => id).sort()).toEqual([first?.id, second?.id, third?.id].sort());
        const remote = sockets.find(({ id }: { id: string }) => id === second?.id);
        expect(remote).toMatchObject({ rooms: [second?.id], data: { accountId: 42 }, query: { who: 'c1' } });
        expect(remote.address).toContain('127.0.0.1');
      });

      it('honours rooms, except and local', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 'room1');
        await join(sockets[2], 'room1');
        const ids = async (args: object) =>
          (await servers[0].run('fetchSockets', args)).sockets.map(({ id }: { id: string }) => id).sort();
        expect(await ids({ rooms: ['room1'] })).toEqual([sockets[1].id, sockets[2].id].sort());
        expect(await ids({ except: ['room1'] })).toEqual([sockets[0].id]);
        expect(await ids({ flags: { local: true } })).toEqual([sockets[0].id]);
        expect(await ids({ rooms: ['nobody'] })).toEqual([]);
        expect(await ids({ rooms: [sockets[2].id] })).toEqual([sockets[2].id]);
      });
    });

    describe('serverSideEmit', () => {
      it('reaches the other servers only', async () => {
        const event = `event-${Math.random()}`;
        for (const server of topology.servers) await server.run('listen', { event });
        await servers[0].run('serverSideEmit', { event, args: ['world', 1, '2', Buffer.from([255])] });
        const wanted = ['world', 1, '2', Buffer.from([255])];
        for (const server of topology.servers.slice(1)) {
          let heard: unknown[][] = [];
          while (heard.length === 0) {
            await nextTurn();
            heard = await server.run('heard');
          }
          expect(heard.at(-1)).toEqual(wanted);
        }
        expect(await servers[0].run('heard')).toEqual([]);
      });

      it('gathers one answer from each other server', async () => {
        const event = `event-${Math.random()}`;
        for (const [index, server] of topology.servers.entries()) {
          await server.run('listen', { event, answer: { index: [index] } });
        }
        const { error, responses } = await servers[0].run('serverSideEmitWithAck', { event });
        expect(error).toBeNull();
        const indices = responses.map((response: { index: number[] }) => response.index[0]).sort();
        expect(indices).toEqual(topology.servers.map((_, index) => index).slice(1));
      });

      it('does not wait for a server that is closed while it owes an answer', async () => {
        const event = `event-${Math.random()}`;
        for (const server of topology.servers)
          await server.run('listen', { nsp: '/closing', event, answer: server === servers[2] ? undefined : 2 });
        const answer = servers[0].run('serverSideEmitWithAck', { nsp: '/closing', event });
        let heard: unknown[] = [];
        while (heard.length === 0) {
          await nextTurn();
          heard = await servers[2].run('heard', { event });
        }
        await servers[2].run('closeAdapter', { nsp: '/closing' });
        expect(await answer).toEqual({ error: null, responses: Array(size - 2).fill(2) });
      });

      it('tells who is missing when a server does not answer', async () => {
        const event = `event-${Math.random()}`;
        for (const server of topology.servers)
          await server.run('listen', { event, answer: server === servers[2] ? undefined : 2 });
        const { error, responses } = await servers[0].run('serverSideEmitWithAck', { event });
        expect(error).toBe('timeout reached: missing 1 responses');
        expect(responses).toEqual(Array(size - 2).fill(2));
      });
    });

    describe('broadcast with acknowledgement', () => {
      it('gathers the answers of the clients of all servers', async () => {
        const sockets = await threeClients();
        for (const [index, socket] of sockets.entries()) socket.on('ask', (callback) => callback(index));
        const { error, responses } = await servers[0].run('emitWithAck', { timeout: 5_000, event: 'ask' });
        expect(error).toBeUndefined();
        expect(responses.sort()).toEqual([0, 1, 2]);
      });

      it('answers at once where servers have nobody in the room', async () => {
        const sockets = await threeClients();
        await join(sockets[1], 'room1');
        sockets[1].on('ask', (value, callback) => callback(value));
        const bytes = Buffer.from([1, 2, 255]);
        const asked = { timeout: 30_000, rooms: ['room1'], event: 'ask', args: [bytes] };
        for (const server of servers) {
          const { error, responses } = await server.run('emitWithAck', asked);
          expect(error).toBeUndefined();
          expect(responses.map((response: Buffer) => [...new Uint8Array(response)])).toEqual([[1, 2, 255]]);
        }
        expect(await servers[2].run('emitWithAck', { timeout: 30_000, rooms: ['nobody'], event: 'ask' })).toEqual({
          responses: [],
        });
      });

      it('works for one socket of another server', async () => {
        const [, second] = await threeClients();
        second.on('ask', (value, callback) => callback(value + 1));
        expect(await servers[0].run('remoteEmitWithAck', { id: second.id, event: 'ask', args: [41] })).toBe(42);
      });

      it('gives what came when a client does not answer', async () => {
        const sockets = await threeClients();
        sockets[0].on('ask', (callback) => callback('a'));
        sockets[1].on('ask', (callback) => callback('b'));
        const { error, responses } = await servers[2].run('emitWithAck', { timeout: 300, event: 'ask' });
        expect(error).toBe('operation has timed out');
        expect(responses.sort()).toEqual(['a', 'b']);
      });
    });

    it('knows its members', async () => {
      const { self, pods } = await servers[0].run('table');
      const names = pods.flatMap((pod: { name: string; workers: Array<{ number: number }> }) =>
        pod.workers.map(({ number }) => `${pod.name}/${number}`),
      );
      expect(names.sort()).toEqual(topology.servers.map((server) => server.name).sort());
      expect(`${self.pod}/${self.worker}`).toBe(servers[0].name);
    });

    it('takes a new server in', async () => {
      const added = await topology.addServer();
      for (const server of topology.servers) await untilServerCount(server, size + 1);
      const socket = connect(`http://127.0.0.1:${added.port}`, {
        forceNew: true,
        transports: ['websocket'],
        reconnection: false,
      });
      await new Promise<void>((resolve) => socket.once('connect', resolve));
      await socket.emitWithAck('join', 'new');
      const hello = new Promise((resolve) => socket.once('hello', resolve));
      await servers[0].run('emit', { rooms: ['new'], event: 'hello', args: ['there'] });
      expect(await hello).toBe('there');
      socket.close();
    });

    if (ownProcesses) {
      it('C12: does not wait for the dead', async () => {
        const added = topology.servers.pop() as TestServer;
        await stopProcess(added);
        // Right after a death, and again: members that are gone have nothing to say.
        for (let round = 0; round < 4; round++) {
          expect(await servers[round % 3]?.run('fetchSockets', { timeout: 30_000 })).toEqual({ sockets: [] });
        }
        for (const server of servers) await untilServerCount(server, size);
      });

      it('C12: does not wait for a server that dies while it is asked', async () => {
        const event = `event-${Math.random()}`;
        const victim = await topology.addServer();
        for (const server of topology.servers) await untilServerCount(server, size + 1);
        for (const server of topology.servers)
          await server.run('listen', { event, answer: server === victim ? undefined : 'here' });
        const answer = servers[0].run('serverSideEmitWithAck', { event });
        while ((await victim.run('heard')).length === 0) await nextTurn();
        topology.servers.pop();
        await stopProcess(victim);
        expect(await answer).toEqual({ error: null, responses: Array(size - 1).fill('here') });
        for (const server of servers) await untilServerCount(server, size);
      });

      it.each([[1], [2]])('C12: answers with what came when server %i hangs, and names it', async (index) => {
        const sockets = await threeClients();
        const hanging = servers[index] as TestServer;
        hanging.process?.kill('SIGSTOP');
        try {
          const answer = await servers[0].run('fetchSockets', { timeout: 2_000 });
          expect(answer).toMatchObject({ error: 'timeout reached: missing 1 responses', silent: [hanging.name] });
          const others = sockets.filter((socket) => socket !== sockets[index]);
          expect(answer.responses.sort()).toEqual(others.map((socket) => socket.id).sort());
        } finally {
          hanging.process?.kill('SIGCONT');
        }
      });
    }

    it('has dropped nothing on the way', async () => {
      for (const server of servers) {
        const { 'no-such-namespace': _expected, 'late-answer': _late, ...dropped } = await server.run('dropped');
        expect(dropped).toEqual({});
      }
    });
  });
}

/** Lets the event loop turn, which servers in the test's own process need. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
