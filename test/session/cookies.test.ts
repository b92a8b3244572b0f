import { afterEach, describe, expect, it } from 'vitest';
import { closeAll, connect, rawSocket } from '../hook/support/clients.js';
import { fetchJson } from '../hook/support/http.js';
import { lift, lowerAll } from '../hook/support/lift.js';
import { describeInBrowser } from './browser-suite';
import { hasHaproxy } from './haproxy';
import { sessionRoutes } from './sails-suite';

afterEach(async () => {
  closeAll();
  await lowerAll();
});

const HTTPS = { 'x-forwarded-proto': 'https' };

describe('the flags of the session cookie', () => {
  it.each(['/login', '/__getcookie'])(
    'are those configured, behind a trusted proxy that ends TLS: %s',
    async (path) => {
      const { url } = await lift({
        routes: sessionRoutes,
        http: { trustProxy: true },
        session: { secret: 's', cookie: { secure: true, sameSite: 'none', maxAge: 3_600_000 } },
      });
      const cookie = (await fetch(url + path, { headers: HTTPS })).headers.get('set-cookie') ?? '';
      for (const flag of ['Secure', 'HttpOnly', 'SameSite=None', 'Path=/', 'Expires=']) expect(cookie).toContain(flag);
      // Over plain text it is not sent.
      expect((await fetch(url + path)).headers.get('set-cookie')).toBeNull();
    },
  );

  it('a socket behind that proxy has the session of its secure cookie', async () => {
    const { url } = await lift({
      routes: sessionRoutes,
      http: { trustProxy: true },
      session: { secret: 's', cookie: { secure: true } },
    });
    const { cookie } = await fetchJson(`${url}/login`, HTTPS);
    const client = await connect('client 4', url, { headers: { cookie, ...HTTPS } });
    expect((await client.request('get', '/look')).body).toMatchObject({ fields: { user: 'ada' } });
  });

  it('name: another name holds for HTTP, sockets and what a socket changes', async () => {
    const { url } = await lift({ routes: sessionRoutes, session: { secret: 's', name: 'app.sid' } });
    const { cookie } = await fetchJson(`${url}/login`);
    expect(cookie).toMatch(/^app\.sid=/);
    const client = await connect('client 4', url, { headers: { cookie: `sails.sid=x; ${cookie}` } });
    const { id } = (await client.request('post', '/regenerate')).body as { id: string };
    expect((await client.request('get', '/look')).body).toEqual({ fields: { user: 'grace' }, id });
  });

  it('a secret that was changed: old cookies are worth a fresh session', async () => {
    const before = await lift({ routes: sessionRoutes, session: { secret: 'old' } });
    const { cookie, body } = await fetchJson(`${before.url}/login`);
    const after = await lift({ routes: sessionRoutes, session: { secret: 'new' } });
    const client = await connect('client 4', after.url, { headers: { cookie } });
    const { fields, id } = (await client.request('get', '/look')).body as { fields: object; id: string };
    expect(fields).toEqual({});
    expect(id).not.toBe(body.id);
    expect((await fetchJson(`${after.url}/look`, { cookie })).body.fields).toEqual({});
  });

  it('several secrets: Sails refuses them, with a message that says what it wants', async () => {
    await expect(lift({ session: { secret: ['new', 'old'] } })).rejects.toThrow(/session\.secret should be a string/);
  });
});

describe('pages of another origin that poll with their cookies', () => {
  const ORIGIN = 'https://app.example';
  const POLL = '/socket.io/?EIO=4&transport=polling&__sails_io_sdk_version=1.2.1';

  it.each([
    ['onlyAllowOrigins', { onlyAllowOrigins: [ORIGIN] }],
    [
      'beforeConnect',
      {
        beforeConnect: ({ headers }: { headers: Record<string, string> }) => headers.origin !== 'https://evil.example',
      },
    ],
  ])('%s: allowed ones may, in preflight and poll; others get nothing', async (_what, settings) => {
    const { url } = await lift({
      routes: sessionRoutes,
      sockets: { transports: ['polling'], ...settings },
      session: { secret: 's' },
    });
    const { cookie } = await fetchJson(`${url}/login`);
    const preflight = await fetch(url + POLL, {
      method: 'OPTIONS',
      headers: {
        origin: ORIGIN,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
    const poll = await fetch(url + POLL, { headers: { origin: ORIGIN, cookie } });
    expect([preflight.status, poll.status]).toEqual([204, 200]);
    for (const { headers } of [preflight, poll]) {
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(headers.get('access-control-allow-credentials')).toBe('true');
    }
    const client = await connect('client 4', url, { transports: ['polling'], headers: { origin: ORIGIN, cookie } });
    expect((await client.request('get', '/look')).body).toMatchObject({ fields: { user: 'ada' } });

    const refused = rawSocket(url, { transports: ['polling'], headers: { origin: 'https://evil.example', cookie } });
    await new Promise((resolve) => refused.once('connect_error', resolve));
    refused.close();
  });
});

describe('a session that nothing is stored in', () => {
  it('is one for page and socket: what the socket stores, the page has', async () => {
    const { url } = await lift({ routes: sessionRoutes, session: { secret: 's' } });
    const page = await fetchJson(`${url}/nothing`);
    expect(page.cookie).toMatch(/^sails\.sid=/);
    const client = await connect('client 4', url, { headers: { cookie: page.cookie } });
    await client.request('post', '/login');
    expect((await fetchJson(`${url}/look`, { cookie: page.cookie })).body.fields).toEqual({ user: 'ada' });
  });

  it('afterDisconnect can still store something', async () => {
    let done: (id: string) => void;
    const stored = new Promise<string>((resolve) => {
      done = resolve;
    });
    const { url, app } = await lift({
      routes: sessionRoutes,
      session: { secret: 's' },
      sockets: {
        afterDisconnect: (session: Record<string, unknown>, _socket: unknown, next: () => void) => {
          session.left = true;
          next();
        },
      },
    });
    const client = await connect('client 4', url);
    const { id } = (await client.request('get', '/look')).body as { id: string };
    const { store } = app.config.session;
    const { set } = store;
    store.set = (sid: string, data: object, next: () => void) => {
      set.call(store, sid, data, (...results: []) => {
        next(...results);
        done(sid);
      });
    };
    client.close();
    expect(await stored).toBe(id);
    const found = await new Promise((resolve) => store.get(id, (_: unknown, data: unknown) => resolve(data)));
    expect(found).toMatchObject({ left: true });
  });
});

// haproxy is no requirement of the tests; the cases above have the headers that it sends.
if (hasHaproxy()) describeInBrowser();
