import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, closeAll, connect } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

let server: Lifted;
let sockets: App;

beforeAll(async () => {
  server = await lift({
    log: { level: 'silent' },
    routes: {
      'GET /id': (req: App, res: App) => res.send(req._sails.sockets.getId(req)),
      'GET /sync': (_req: App, res: App) => res.send('sync'),
      'POST /as-me': (req: App, res: App) => res.send(tasks.shift()?.(req)),
    },
  });
  sockets = server.app.sockets;
});

afterEach(closeAll);
afterAll(lowerAll);

/** What an action of the next `POST /as-me` does. */
const tasks: Array<(req: App) => unknown> = [];

interface Listener {
  client: Client;
  id: string;
  /** The server's side of it. */
  socket: App;
  heard: Array<[string, unknown]>;
}

async function listener(): Promise<Listener> {
  const client = await connect('client 4', server.url);
  const id = (await client.request('get', '/id')).body as string;
  const heard: Array<[string, unknown]> = [];
  for (const event of ['message', 'news']) client.on(event, (data) => heard.push([event, data]));
  return { client, id, socket: sockets.get(id), heard };
}

function listeners(count: number): Promise<Listener[]> {
  return Promise.all(Array.from({ length: count }, listener));
}

/** Everything sent before has arrived once the answer to a request has. */
async function settle(...all: Listener[]): Promise<void> {
  await Promise.all(all.map(({ client }) => client.request('get', '/sync')));
}

async function asMe({ client }: Listener, task: (req: App) => unknown): Promise<void> {
  tasks.push(task);
  await client.request('post', '/as-me');
}

describe('join and leave', () => {
  it('take a socket, a request, an id, and arrays of them', async () => {
    const [a, b, c] = (await listeners(3)) as [Listener, Listener, Listener];
    await asMe(a, (req) => void sockets.join([req, b.socket, c.id], 'mixed'));
    expect([...server.app.io.sockets.adapter.rooms.get('mixed')].sort()).toEqual([a.id, b.id, c.id].sort());
    await asMe(a, (req) => void sockets.leave([req, b.socket], 'mixed'));
    expect([...server.app.io.sockets.adapter.rooms.get('mixed')]).toEqual([c.id]);
  });

  it('take effect for a local socket before they return', async () => {
    const a = await listener();
    void sockets.join(a.socket, 'now');
    expect(a.socket.rooms.has('now')).toBe(true);
    void sockets.leave(a.id, 'now');
    expect(a.socket.rooms.has('now')).toBe(false);
  });

  it.each(['join', 'leave'])('%s answers by promise and by callback, once', async (verb) => {
    const a = await listener();
    const done = vi.fn();
    await expect(sockets[verb](a.id, 'room', done)).resolves.toBe(true);
    await vi.waitFor(() => expect(done).toHaveBeenCalledTimes(1), { timeout: 20_000 });
    expect(done.mock.calls[0]?.[0]).toBeUndefined();
  });

  it.each(['join', 'leave'])(
    'C01: %s with an id that nobody has: E_NO_SUCH_SOCKET, once, and the others all the same',
    async (verb) => {
      const a = await listener();
      await sockets.join(a.id, 'leavable');
      const ids = [a.id, 'AAAAAAAAAAAAAAAAAAAA'];
      const error: App = await new Promise((resolve) =>
        sockets[verb](ids, verb === 'join' ? 'joined' : 'leavable', resolve),
      );
      expect(error).toMatchObject({ code: 'E_NO_SUCH_SOCKET', ids: ['AAAAAAAAAAAAAAAAAAAA'], silent: [] });
      expect(a.socket.rooms.has('joined')).toBe(verb === 'join');
      expect(a.socket.rooms.has('leavable')).toBe(verb === 'join');
      await expect(sockets[verb]('AAAAAAAAAAAAAAAAAAAA', 'x')).rejects.toMatchObject({ code: 'E_NO_SUCH_SOCKET' });
    },
  );

  it('a failure that nobody waits for is counted and is no unhandled rejection', async () => {
    const before = server.app.hooks.sockets.counters.failedOrders;
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    sockets.join('AAAAAAAAAAAAAAAAAAAA', 'x');
    sockets.join(undefined, 'x');
    sockets.addRoomMembersToRooms(undefined, 'x');
    sockets.leaveAll(7);
    await vi.waitFor(() => expect(server.app.hooks.sockets.counters.failedOrders).toBe(before + 4), {
      timeout: 20_000,
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('something that is no socket is skipped with a warning, as an HTTP request is', async () => {
    const warn = vi.spyOn(server.app.log, 'warn').mockReturnValue(undefined);
    const done = vi.fn();
    await sockets.join({ socket: { remoteAddress: 'x' } }, 'x', done);
    await sockets.leave(null, 'x', done);
    expect(done.mock.calls).toEqual([[], []]);
    expect(warn).toHaveBeenCalledTimes(2);
    warn.mockRestore();
  });

  it('several rooms at once', async () => {
    const a = await listener();
    await sockets.join(a.id, ['one', 'two']);
    expect([...a.socket.rooms]).toEqual([a.id, 'one', 'two']);
    await sockets.leave(a.id, ['one', 'two']);
    expect([...a.socket.rooms]).toEqual([a.id]);
  });
});

describe('broadcast', () => {
  it('reaches a room; the event may be left out', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener];
    await sockets.join(a.id, 'r1');
    sockets.broadcast('r1', 'news', { n: 1 });
    sockets.broadcast('r1', { n: 2 });
    sockets.broadcast('r1', undefined, { n: 3 });
    sockets.broadcast('r1', null, { n: 4 });
    sockets.broadcast('r1', 'news');
    await settle(a, b);
    expect(a.heard).toEqual([
      ['news', { n: 1 }],
      ['message', { n: 2 }],
      ['message', { n: 3 }],
      ['message', { n: 4 }],
      ['news', null],
    ]);
    expect(b.heard).toEqual([]);
  });

  it('omits the socket, with and without an event name', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener];
    await sockets.join([a.id, b.id], 'r2');
    await asMe(a, (req) => sockets.broadcast('r2', 'news', 1, req));
    await asMe(a, (req) => sockets.broadcast('r2', { n: 2 }, req));
    await asMe(a, (req) => sockets.broadcast('r2', 'news', 3, req.socket));
    sockets.broadcast('r2', 'news', 4, a.id);
    await settle(a, b);
    expect(a.heard).toEqual([]);
    expect(b.heard).toEqual([
      ['news', 1],
      ['message', { n: 2 }],
      ['news', 3],
      ['news', 4],
    ]);
  });

  it('a socket in two of the rooms gets one copy', async () => {
    const a = await listener();
    await sockets.join(a.id, ['r3', 'r4']);
    sockets.broadcast(['r3', 'r4', a.id], 'news', 1);
    await settle(a);
    expect(a.heard).toEqual([['news', 1]]);
  });

  it('an id is a room; no rooms is nobody', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener];
    sockets.broadcast(a.id, 'news', 1);
    sockets.broadcast([], 'news', 2);
    await settle(a, b);
    expect([a.heard, b.heard]).toEqual([[['news', 1]], []]);
  });

  it('before leaving and before the answer, in that order, as in memory', async () => {
    const a = await listener();
    await sockets.join(a.id, 'r5');
    const order: unknown[] = [];
    a.client.on('news', (data) => order.push(data));
    tasks.push((req) => {
      sockets.broadcast('r5', 'news', 'before leaving');
      sockets.leave(req, 'r5');
      sockets.broadcast('r5', 'news', 'after leaving');
      return 'answer';
    });
    order.push((await a.client.request('post', '/as-me')).body);
    await settle(a);
    expect(order).toEqual(['before leaving', 'answer']);
  });
});

describe('blast', () => {
  it('reaches everybody but the omitted one', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener];
    sockets.blast('news', 1);
    sockets.blast({ n: 2 });
    sockets.blast('news', 3, a.socket);
    sockets.blast({ n: 4 }, b.socket);
    sockets.blast('news', 5, a.id);
    await settle(a, b);
    expect(a.heard).toEqual([
      ['news', 1],
      ['message', { n: 2 }],
      ['message', { n: 4 }],
    ]);
    expect(b.heard).toEqual([
      ['news', 1],
      ['message', { n: 2 }],
      ['news', 3],
      ['news', 5],
    ]);
  });
});

describe('addRoomMembersToRooms, removeRoomMembersFromRooms, leaveAll', () => {
  it('move the members of a room', async () => {
    const [a, b, c] = (await listeners(3)) as [Listener, Listener, Listener];
    await sockets.join([a.id, b.id], 'source');
    await sockets.addRoomMembersToRooms('source', ['d1', 'd2']);
    expect([a, b, c].map(({ socket }) => [...socket.rooms].slice(1))).toEqual([
      ['source', 'd1', 'd2'],
      ['source', 'd1', 'd2'],
      [],
    ]);
    await sockets.removeRoomMembersFromRooms('d1', 'd2');
    expect([...a.socket.rooms].slice(1)).toEqual(['source', 'd1']);
    await sockets.leaveAll('d1');
    expect([a, b].map(({ socket, id }) => [[...socket.rooms], id])).toEqual([
      [[a.id], a.id],
      [[b.id], b.id],
    ]);
  });

  it('take the id of a socket', async () => {
    const a = await listener();
    await sockets.addRoomMembersToRooms(a.id, 'd3');
    expect(a.socket.rooms.has('d3')).toBe(true);
    await sockets.removeRoomMembersFromRooms(a.id, 'd3');
    expect(a.socket.rooms.has('d3')).toBe(false);
  });

  it('a room without members is no error', async () => {
    const done = vi.fn();
    await sockets.addRoomMembersToRooms('nobody', 'x', done);
    await sockets.removeRoomMembersFromRooms('nobody', 'x', done);
    await sockets.leaveAll('nobody', done);
    await vi.waitFor(() => expect(done.mock.calls).toEqual([[], [], []]), { timeout: 20_000 });
  });

  it('a source room that is no string is an error', async () => {
    for (const verb of ['addRoomMembersToRooms', 'removeRoomMembersFromRooms', 'leaveAll']) {
      await expect(sockets[verb](undefined)).rejects.toMatchObject({ code: 'SAILS:HOOK:SOCKETS:USAGE' });
    }
  });

  it('a room whose name is no string is skipped', async () => {
    const a = await listener();
    await sockets.addRoomMembersToRooms(a.id, ['d4', 7 as unknown as string]);
    expect([...a.socket.rooms]).toEqual([a.id, 'd4']);
  });

  it('leaveAll takes includeSourceRoom and includeSocketRooms', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener];
    await sockets.join([a.id, b.id], ['keep', 'go']);
    await sockets.leaveAll('keep', { includeSourceRoom: false });
    expect([...a.socket.rooms]).toEqual([a.id, 'keep']);
    await sockets.leaveAll('keep', { includeSocketRooms: true });
    expect([...a.socket.rooms, ...b.socket.rooms]).toEqual([]);
  });
});

describe('get, getId, parseSocket', () => {
  it('find the socket behind what is given', async () => {
    const a = await listener();
    expect(sockets.get(a.id)).toBe(a.socket);
    await asMe(a, (req) => {
      expect(sockets.parseSocket(req)).toBe(a.socket);
      expect(sockets.getId(req)).toBe(a.id);
    });
    expect(sockets.getId(a.socket)).toBe(a.id);
    for (const nothing of [undefined, null, {}, 'id', { socket: {} }]) {
      expect(sockets.parseSocket(nothing)).toBeUndefined();
      expect(sockets.getId(nothing)).toBeUndefined();
    }
  });

  it('get throws for what is not there', () => {
    expect(() => sockets.get()).toThrow(expect.objectContaining({ code: 'SAILS:HOOK:SOCKETS:USAGE' }));
    expect(() => sockets.get({})).toThrow(expect.objectContaining({ code: 'SAILS:HOOK:SOCKETS:USAGE' }));
    expect(() => sockets.get('x')).toThrow(expect.objectContaining({ code: 'SAILS:HOOK:SOCKETS:NO_SUCH_SOCKET' }));
  });
});

describe('the rest of the surface', () => {
  it('is at least that of sails-hook-sockets', () => {
    const names = ['DEFAULT_EVENT_NAME', 'blast', 'join', 'leave', 'broadcast', 'get', 'getId', 'parseSocket'];
    names.push(
      'addRoomMembersToRooms',
      'removeRoomMembersFromRooms',
      'leaveAll',
      'publishToFirehose',
      'fleet',
      'disconnectSession',
    );
    expect(Object.keys(sockets).sort()).toEqual(names.sort());
    expect(sockets.DEFAULT_EVENT_NAME).toBe('message');
    expect(sockets.publishToFirehose({})).toBeUndefined();
  });

  it('fleet() is the member table, by promise and by callback', async () => {
    const table = await sockets.fleet();
    expect(table.pods).toHaveLength(1);
    expect(table.pods[0].workers).toEqual([expect.objectContaining({ pid: process.pid })]);
    expect(
      await new Promise((resolve) => sockets.fleet((_error: unknown, value: unknown) => resolve(value))),
    ).toMatchObject({ self: table.self });
  });

  it('sails.getSDKMetadata reads the handshake', async () => {
    const a = await listener();
    expect(server.app.getSDKMetadata(a.socket.handshake)).toEqual({
      version: '1.2.1',
      platform: undefined,
      language: undefined,
    });
  });
});
