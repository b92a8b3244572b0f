import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, type ClientOptions, closeAll, connect } from './support/clients.js';
import { startFleet, type TestFleet } from './support/fleet.js';
import type { App } from './support/lift.js';

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startFleet(3);
});
afterEach(closeAll);
afterAll(() => fleet?.close());

interface Listener {
  client: Client;
  id: string;
  heard: unknown[];
}

async function listener(worker: number, options: ClientOptions = {}): Promise<Listener> {
  const client = await connect('client 4', fleet.urls[worker] as string, options);
  const { id } = (await client.request('get', '/whoami')).body as App;
  const heard: unknown[] = [];
  client.on('news', (data) => heard.push(data));
  return { client, id, heard };
}

function call({ client }: Listener, method: string, ...args: unknown[]): Promise<App> {
  return client.request('post', '/call', { method, args }).then(({ body }) => body);
}

function fire({ client }: Listener, method: string, ...args: unknown[]): Promise<unknown> {
  return client.request('post', '/fire', { method, args });
}

/** A broadcast from each worker to everybody has arrived everywhere: so has what was sent before it. */
async function settle(...all: Listener[]): Promise<void> {
  const markers = all.map(({ client }) => {
    const marks: Promise<unknown>[] = [];
    for (let worker = 0; worker < fleet.urls.length; worker += 1) marks.push(client.next(`mark ${worker}`));
    return Promise.all(marks);
  });
  await Promise.all(
    fleet.urls.map(async (url, worker) => {
      const client = await connect('client 4', url);
      await client.request('post', '/fire', { method: 'blast', args: [`mark ${worker}`, 1] });
    }),
  );
  await Promise.all(markers);
}

describe('C01: room calls by foreign ids', () => {
  it('join, then broadcast: the foreign socket gets one copy, others none; leave takes it out', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    expect(await call(a, 'join', b.id, 'fun')).toEqual({ calls: 1 });
    await fire(a, 'broadcast', 'fun', 'news', 1);
    await settle(a, b);
    expect([a.heard, b.heard]).toEqual([[], [1]]);
    expect(await call(a, 'leave', b.id, 'fun')).toEqual({ calls: 1 });
    await fire(a, 'broadcast', 'fun', 'news', 2);
    await settle(a, b);
    expect([a.heard, b.heard]).toEqual([[], [1]]);
  });

  it('an array of local and foreign ids', async () => {
    const all = (await Promise.all([listener(0), listener(1), listener(2)])) as Listener[];
    const [a, b, c] = all as [Listener, Listener, Listener];
    await call(a, 'join', [a.id, b.id, c.id], 'mixed');
    await fire(b, 'broadcast', 'mixed', 'news', 1);
    await call(c, 'leave', [a.id, c.id], 'mixed');
    await fire(b, 'broadcast', 'mixed', 'news', 2);
    await settle(a, b, c);
    expect(all.map(({ heard }) => heard)).toEqual([[1], [1, 2], [1]]);
  });

  it('an id that nobody has: the callback comes once, with E_NO_SUCH_SOCKET', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    for (const method of ['join', 'leave']) {
      expect(await call(a, method, [b.id, 'AAAAAAAAAAAAAAAAAAAA'], 'fun')).toEqual({
        calls: 1,
        code: 'E_NO_SUCH_SOCKET',
        ids: ['AAAAAAAAAAAAAAAAAAAA'],
      });
    }
  });

  it('an id whose worker is there but whose socket has gone', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    b.client.close();
    await vi.waitFor(async () => expect((await call(a, 'join', b.id, 'fun')).code).toBe('E_NO_SUCH_SOCKET'), {
      timeout: 20_000,
    });
  });

  it('rooms: addRoomMembersToRooms, removeRoomMembersFromRooms, leaveAll', async () => {
    const all = (await Promise.all([listener(0), listener(1), listener(2)])) as Listener[];
    const [a, b, c] = all as [Listener, Listener, Listener];
    await call(a, 'join', [b.id, c.id], 'source');
    expect(await call(a, 'addRoomMembersToRooms', 'source', ['d1', 'd2'])).toEqual({ calls: 1 });
    await fire(a, 'broadcast', ['d1', 'd2'], 'news', 1);
    expect(await call(a, 'removeRoomMembersFromRooms', 'source', 'd1')).toEqual({ calls: 1 });
    await fire(a, 'broadcast', 'd1', 'news', 2);
    await fire(a, 'broadcast', 'd2', 'news', 3);
    expect(await call(a, 'leaveAll', 'source')).toEqual({ calls: 1 });
    await fire(a, 'broadcast', ['source', 'd1', 'd2'], 'news', 4);
    await fire(a, 'broadcast', c.id, 'news', 5);
    await settle(a, b, c);
    expect(all.map(({ heard }) => heard)).toEqual([[], [1, 3], [1, 3, 5]]);
  });

  it('leaveAll with options, from another worker', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    await call(a, 'join', b.id, ['keep', 'go']);
    expect(await call(a, 'leaveAll', 'keep', { includeSourceRoom: false })).toEqual({ calls: 1 });
    await fire(a, 'broadcast', 'go', 'news', 1);
    await fire(a, 'broadcast', 'keep', 'news', 2);
    await settle(a, b);
    expect(b.heard).toEqual([2]);
  });

  it('blast reaches every worker; an omitted foreign id gets nothing', async () => {
    const all = (await Promise.all([listener(0), listener(1), listener(2)])) as Listener[];
    const [a, b] = all as [Listener, Listener];
    await fire(a, 'blast', 'news', 1);
    await fire(a, 'blast', 'news', 2, b.id);
    await settle(...all);
    expect(all.map(({ heard }) => heard)).toEqual([[1, 2], [1], [1, 2]]);
  });
});

describe('nothing falls between a join and the broadcast after its answer', () => {
  it('500 rounds of join without callback, answer, broadcast from another worker: 500 arrive', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    for (let round = 0; round < 500; round += 1) {
      await a.client.request('put', `/join/round-${round}`);
      await fire(b, 'broadcast', `round-${round}`, 'news', round);
    }
    await settle(a, b);
    expect(a.heard).toEqual(Array.from({ length: 500 }, (_, round) => round));
    expect(((await a.client.request('get', '/counters')).body as App).heldTooLong).toBe(0);
  });

  it('200 rounds of join by a foreign id without callback, answer, broadcast from a third worker: 200 arrive', async () => {
    const [a, b, c] = (await Promise.all([listener(0), listener(1), listener(2)])) as [Listener, Listener, Listener];
    for (let round = 0; round < 200; round += 1) {
      await fire(b, 'join', a.id, `foreign-${round}`);
      await fire(c, 'broadcast', `foreign-${round}`, 'news', round);
    }
    await settle(a, b, c);
    expect(a.heard).toEqual(Array.from({ length: 200 }, (_, round) => round));
  });

  it('answers without joins are not held', async () => {
    const a = await listener(0);
    const before = ((await a.client.request('get', '/counters')).body as App).heldResponses;
    for (let i = 0; i < 50; i += 1) await a.client.request('get', '/sync');
    expect(((await a.client.request('get', '/counters')).body as App).heldResponses).toBe(before);
  });
});

describe('C13: binary', () => {
  it.each(['websocket', 'polling'] as const)(
    'is byte-equal on the own and on another worker, over %s',
    async (transport) => {
      const options = { transports: [transport] };
      const [a, b] = (await Promise.all([listener(0, options), listener(1, options)])) as [Listener, Listener];
      await call(a, 'join', [a.id, b.id], `bytes-${transport}`);
      const arrived = [a.client.next('bytes'), b.client.next('bytes')];
      const { body: expected } = await a.client.request('post', '/binary', { room: `bytes-${transport}` });
      for (const data of await Promise.all(arrived)) {
        const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
        expect(hex(data.a)).toBe((expected as App).a);
        expect(data.b.map(hex)).toEqual(['', '09ff']);
        expect(hex(data.nested.d.e)).toBe('78');
        expect(createHash('sha256').update(Buffer.from(data.c)).digest('hex')).toBe((expected as App).c);
      }
      expect((await b.client.request('get', '/sync')).body).toBe('sync');
    },
  );
});

describe('C05: sessions of the pod', () => {
  it('three hits on three workers count one session', async () => {
    const answer = await fetch(`${fleet.urls[0]}/count`, { method: 'POST' });
    const cookie = (answer.headers.get('set-cookie') as string).split(';', 1)[0] as string;
    const hits = [await answer.json()] as App[];
    const client = await connect('client 4', fleet.urls[1] as string, { headers: { cookie } });
    hits.push((await client.request('post', '/count')).body);
    hits.push(await (await fetch(`${fleet.urls[2]}/count`, { method: 'POST', headers: { cookie } })).json());
    expect(hits.map(({ count }) => count)).toEqual([1, 2, 3]);
    expect(new Set(hits.map(({ id }) => id)).size).toBe(1);
    expect(new Set(hits.map(({ pid }) => pid)).size).toBe(3);
  });
});

describe('sails.sockets.fleet()', () => {
  it('lists every worker and its sockets', async () => {
    const a = await listener(0);
    await vi.waitFor(
      async () => {
        const table = (await a.client.request('get', '/fleet')).body as App;
        expect(table.pods).toHaveLength(1);
        expect(table.pods[0].workers.map((row: App) => [row.number, row.pid])).toEqual(
          fleet.workers.map((worker, index) => [index + 1, worker.pid]),
        );
        expect(table.pods[0].workers[0].sockets).toBeGreaterThan(0);
      },
      { timeout: 20_000 },
    );
  });
});

describe('a script without a server', () => {
  it('broadcasts to the fleet whose hub the environment names, and ends by itself', async () => {
    const all = await Promise.all([listener(0), listener(2)]);
    const heard = all.map(({ client }) => client.next('from a script'));
    const script = spawn(process.execPath, [join(__dirname, 'support/broadcast-and-exit.cjs')], {
      env: { ...process.env, ...fleet.env },
      stdio: 'inherit',
    });
    expect((await once(script, 'exit'))[0]).toBe(0);
    expect(await Promise.all(heard)).toEqual([{ text: 'ahoy' }, { text: 'ahoy' }]);
  });
});

describe('a worker that does not answer', () => {
  it('is named, with E_FLEET_SILENT, when the socket may be there', async () => {
    const [a, b] = (await Promise.all([listener(0), listener(1)])) as [Listener, Listener];
    fleet.workers[1]?.kill('SIGSTOP');
    try {
      expect(await call(a, 'join', b.id, 'fun')).toEqual({ calls: 1, code: 'E_FLEET_SILENT', ids: [b.id] });
    } finally {
      fleet.workers[1]?.kill('SIGCONT');
    }
  });
});
