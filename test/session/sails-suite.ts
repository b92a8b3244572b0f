import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Client, closeAll, connect } from '../hook/support/clients.js';
import { fetchJson } from '../hook/support/http.js';
import { type App, type Lifted, lift } from '../hook/support/lift.js';

/** Where a suite's apps have their sessions: what their configuration says of it. */
export interface SailsPlace {
  config: Record<string, unknown>;
  stop(): Promise<void>;
}

/** Routes by which tests look into and change sessions. */
export const sessionRoutes = {
  '/count': (req: App, res: App) => {
    req.session.count = (req.session.count ?? 0) + 1;
    res.json({ count: req.session.count, id: req.sessionID });
  },
  'GET /look': (req: App, res: App) => {
    const { cookie: _, ...fields } = req.session;
    res.json({ fields, id: req.sessionID });
  },
  'POST /put': (req: App, res: App) => {
    req.session[req.param('key')] = req.param('value') ?? true;
    res.json({ id: req.sessionID });
  },
  '/login': (req: App, res: App) => {
    req.session.user = 'ada';
    res.json({ id: req.sessionID });
  },
  '/logout': (req: App, res: App) => req.session.destroy(() => res.json({})),
  'POST /regenerate': (req: App, res: App) => {
    req.session.regenerate(() => {
      req.session.user = 'grace';
      res.json({ id: req.sessionID });
    });
  },
  '/end-sockets': async (req: App, res: App) => {
    const reconnect = req.param('reconnect') === 'true';
    res.json({ count: await req._sails.sockets.disconnectSession(req, { reconnect }) });
  },
  'GET /asset.js': (req: App, res: App) => res.json({ has: Boolean(req.session) }),
  'GET /nothing': (_req: App, res: App) => res.json({}),
};

/** What HTTP and sockets promise about sessions on two workers, wherever they are kept. */
export function describeSailsSessions(name: string, start: () => Promise<SailsPlace>): void {
  describe(name, () => {
    let place: SailsPlace;
    let one: Lifted;
    let two: Lifted;
    beforeAll(async () => {
      place = await start();
      const config = {
        routes: sessionRoutes,
        sockets: { transports: ['polling', 'websocket'] },
        ...place.config,
        // A slow machine is no outage.
        flotilla: { sessionTimeoutMs: 20_000, ...(place.config.flotilla as object | undefined) },
        session: { secret: 'shared', ...(place.config.session as object | undefined) },
      };
      [one, two] = [await lift(config), await lift(config)];
    });
    afterEach(async () => {
      closeAll();
      await new Promise((resolve) => storeOf(one).clear(resolve));
    });
    afterAll(async () => {
      await Promise.all([one?.lower(), two?.lower()]);
      await place?.stop();
    });

    const socketOn = (server: Lifted, cookie?: string): Promise<Client> =>
      connect('client 4', server.url, cookie ? { headers: { cookie } } : {});
    const ask = async (client: Client, method: string, url: string, data?: unknown): Promise<App> =>
      (await client.request(method, url, data)).body;
    const keys = () =>
      new Promise<number>((resolve) => storeOf(one).length((_: unknown, count: number) => resolve(count)));

    it('C05: HTTP and sockets on different workers see one session, and writes go both ways', async () => {
      const first = await fetchJson(`${one.url}/count`);
      const second = await ask(await socketOn(two, first.cookie), 'get', '/count');
      const third = await fetchJson(`${one.url}/count`, { cookie: first.cookie });
      const fourth = await ask(await socketOn(one, first.cookie), 'get', '/count');
      expect([first.body, second, third.body, fourth].map(({ count }) => count)).toEqual([1, 2, 3, 4]);
      expect(new Set([first.body, second, third.body, fourth].map(({ id }) => id)).size).toBe(1);
    });

    it('login over HTTP on one, socket on the other, logout on the first: the socket is logged out', async () => {
      const { cookie, body } = await fetchJson(`${one.url}/login`);
      const client = await socketOn(two, cookie);
      expect((await ask(client, 'get', '/look')).fields).toEqual({ user: 'ada' });
      await fetchJson(`${one.url}/logout`, { cookie });
      const after = await ask(client, 'get', '/look');
      expect(after.fields).toEqual({});
      expect(after.id).not.toBe(body.id);
      // What the socket stores from now on is another session, and stays one.
      await ask(client, 'post', '/put', { key: 'later' });
      expect(await ask(client, 'get', '/look')).toEqual({ fields: { later: true }, id: after.id });
      expect((await fetchJson(`${one.url}/look`, { cookie })).body.fields).toEqual({});
    });

    it('200 virtual requests at once over two workers, each with a key of its own: 200 keys', async () => {
      const { cookie } = await fetchJson(`${one.url}/login`);
      const clients = await Promise.all([one, two, one, two].map((server) => socketOn(server, cookie)));
      await Promise.all(
        Array.from({ length: 200 }, (_, n) => ask(clients[n % 4] as Client, 'post', '/put', { key: `key${n}` })),
      );
      const { fields } = await ask(clients[0] as Client, 'get', '/look');
      expect(Object.keys(fields)).toHaveLength(201);
    });

    it('a virtual request that changes nothing writes nothing', async () => {
      const { cookie } = await fetchJson(`${one.url}/login`);
      const client = await socketOn(two, cookie);
      const { operations } = storeOf(two).stats;
      const touches = operations.touch.calls;
      await ask(client, 'get', '/look');
      // The first request renews the session, and its answer does not wait for that.
      await expect.poll(() => operations.touch.calls).toBe(touches + 1);
      const before = structuredClone(operations);
      for (let n = 0; n < 10; n += 1) await ask(client, 'get', '/look');
      expect(operations.get.calls).toBe(before.get.calls + 10);
      expect([operations.save.calls, operations.touch.calls]).toEqual([before.save.calls, before.touch.calls]);
    });

    it('destroy() and regenerate() on a socket hold for the socket and for HTTP', async () => {
      const { cookie, body } = await fetchJson(`${one.url}/login`);
      const client = await socketOn(two, cookie);
      const { id } = await ask(client, 'post', '/regenerate');
      expect(id).not.toBe(body.id);
      expect(await ask(client, 'get', '/look')).toEqual({ fields: { user: 'grace' }, id });
      expect((await fetchJson(`${one.url}/look`, { cookie })).body.fields).toEqual({});
      await ask(client, 'post', '/logout');
      const after = await ask(client, 'get', '/look');
      expect(after.fields).toEqual({});
      expect([id, body.id]).not.toContain(after.id);
    });

    it('clients without a cookie that store nothing leave nothing behind', async () => {
      const clients = await Promise.all(Array.from({ length: 10 }, (_, n) => socketOn(n % 2 ? one : two)));
      for (const client of clients) {
        const [first, second] = [await ask(client, 'get', '/look'), await ask(client, 'get', '/look')];
        expect(first.id).toBe(second.id);
      }
      expect(await keys()).toBe(0);
      await ask(clients[0] as Client, 'post', '/put', { key: 'something' });
      expect(await keys()).toBe(1);
    });

    it('requests of one socket at once share the session that they make', async () => {
      const client = await socketOn(two);
      await Promise.all(Array.from({ length: 20 }, (_, n) => ask(client, 'post', '/put', { key: `key${n}` })));
      expect(Object.keys((await ask(client, 'get', '/look')).fields)).toHaveLength(20);
      expect(await keys()).toBe(1);
    });

    it('disconnectSession() ends the sockets of the session everywhere, and no others', async () => {
      const { cookie } = await fetchJson(`${one.url}/login`);
      const other = await fetchJson(`${one.url}/login`);
      const mine = await Promise.all([socketOn(one, cookie), socketOn(two, cookie), socketOn(two, cookie)]);
      const bystander = await socketOn(two, other.cookie);
      const ended = Promise.all(mine.map((client) => client.next('disconnect')));
      expect((await fetchJson(`${one.url}/end-sockets`, { cookie })).body).toEqual({ count: 3 });
      expect(await ended).toEqual(Array.from({ length: 3 }, () => 'io server disconnect'));
      expect((await ask(bystander, 'get', '/look')).fields).toEqual({ user: 'ada' });
      expect((await fetchJson(`${one.url}/end-sockets`, { cookie })).body).toEqual({ count: 0 });
    });

    it('disconnectSession() with reconnect lets clients come back', async () => {
      const { cookie } = await fetchJson(`${one.url}/login`);
      const client = await connect('client 4', two.url, { headers: { cookie }, reconnection: true });
      const back = client.next('connect');
      expect((await fetchJson(`${one.url}/end-sockets?reconnect=true`, { cookie })).body).toEqual({ count: 1 });
      await back;
      expect((await ask(client, 'get', '/look')).fields).toEqual({ user: 'ada' });
    });

    it('disconnectSession() follows the socket to its new session', async () => {
      const client = await socketOn(two);
      await ask(client, 'post', '/put', { key: 'a' });
      const { id } = await ask(client, 'post', '/regenerate');
      const ended = client.next('disconnect');
      expect(await one.app.sockets.disconnectSession(id)).toBe(1);
      await ended;
    });

    it.each([
      ['another cookie', () => 'theme=dark; other=1', false],
      ['a bad signature', (good: string) => good.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')), false],
      ['an unsigned id', (good: string) => `sails.sid=${decodeURIComponent(good).slice(12).split('.')[0]}`, false],
      ['the cookie among others', (good: string) => `a=1; ${good}; b=2`, true],
      ['a half-encoded value beside it', (good: string) => `%E0%A4%A=1; ${good}`, true],
    ])('a handshake with %s: a fresh session, or the right one', async (_what, cookieFrom, isRight) => {
      const { cookie } = await fetchJson(`${one.url}/login`);
      const client = await socketOn(two, cookieFrom(cookie));
      const { fields, id } = await ask(client, 'get', '/look');
      expect(fields).toEqual(isRight ? { user: 'ada' } : {});
      expect((await ask(client, 'get', '/look')).id).toBe(id);
      const { status } = await fetch(`${one.url}/look`, { headers: { cookie: cookieFrom(cookie) } });
      expect(status).toBe(200);
    });

    it('isSessionDisabled holds for virtual requests, too', async () => {
      const client = await socketOn(two);
      expect(await ask(client, 'get', '/asset.js')).toEqual({ has: false });
    });
  });
}

/** The store of an app. */
export function storeOf({ app }: Lifted): App {
  return app.config.session.store;
}
