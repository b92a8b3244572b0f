import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAll, connect } from './support/clients.js';
import { fetchJson } from './support/http.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

let server: Lifted;

const routes = {
  '/count': (req: App, res: App) => {
    req.session.count = (req.session.count ?? 0) + 1;
    res.json({ count: req.session.count, id: req.sessionID });
  },
  'GET /peek': (req: App, res: App) => res.json({ count: req.session.count, id: req.sessionID }),
  'POST /regenerate': (req: App, res: App) => {
    req.session.regenerate(() => {
      req.session.count = 100;
      res.json({ id: req.sessionID });
    });
  },
  'POST /destroy': (req: App, res: App) => req.session.destroy(() => res.ok()),
  'GET /has-session': (req: App, res: App) => res.json({ has: Boolean(req.session) }),
};

beforeAll(async () => {
  server = await lift({ routes, sockets: { transports: ['polling', 'websocket'] } });
});

afterEach(closeAll);
afterAll(lowerAll);

describe.each(['websocket', 'polling'] as const)('over %s', (transport) => {
  it('C05: HTTP and socket see one session, and writes go both ways', async () => {
    const first = await fetchJson(`${server.url}/count`);
    const client = await connect('client 4', server.url, {
      transports: [transport],
      headers: { cookie: first.cookie },
    });
    const odd = { 'x-number': 7, 'x-undefined': undefined };
    const second = await client.request('get', '/count', undefined, odd);
    const third = await fetchJson(`${server.url}/count`, { cookie: first.cookie });
    expect([first.body.count, (second.body as App).count, third.body.count]).toEqual([1, 2, 3]);
    expect(new Set([first.body.id, (second.body as App).id, third.body.id]).size).toBe(1);
  });
});

it('a client without a cookie has a session as long as it is connected', async () => {
  const client = await connect('client 4', server.url);
  const answers = [await client.request('get', '/count'), await client.request('post', '/count')];
  expect(answers.map(({ body }) => (body as App).count)).toEqual([1, 2]);
});

it.each([
  ['no cookie', {}],
  ['another cookie', { cookie: 'theme=dark' }],
  ['a session cookie with a bad signature', { cookie: 'sails.sid=s%3Aforged.signature' }],
])('two first requests at once share the session, with %s', async (_what, headers) => {
  const client = await connect('client 4', server.url, { headers: headers as Record<string, string> });
  const [a, b] = await Promise.all([client.request('get', '/peek'), client.request('get', '/peek')]);
  expect((a.body as App).id).toBe((b.body as App).id);
});

it.each([
  ['another cookie', 'theme=dark; other=1'],
  ['a session cookie with a bad signature', 'sails.sid=s%3Aforged.signature'],
  ['a session cookie that is not signed', 'sails.sid=plain'],
  ['a bad session cookie and another', 'a=1; sails.sid=s%3Aforged.signature; b=2'],
])('%s does not cost the session', async (_what, cookie) => {
  const client = await connect('client 4', server.url, { headers: { cookie } });
  const answers = [await client.request('get', '/count'), await client.request('get', '/count')];
  expect(answers.map(({ body }) => (body as App).count)).toEqual([1, 2]);
});

it('other cookies stay readable', async () => {
  const { url } = await lift({ routes: { 'GET /cookies': (req: App, res: App) => res.json(req.cookies) } });
  const client = await connect('client 4', url, { headers: { cookie: 'theme=dark; other=1' } });
  expect((await client.request('get', '/cookies')).body).toEqual({ theme: 'dark', other: '1' });
});

it('a session that has gone is replaced, once', async () => {
  const { body, cookie } = await fetchJson(`${server.url}/count`);
  await new Promise((resolve) => server.app.config.session.store.destroy(body.id, resolve));
  const client = await connect('client 4', server.url, { headers: { cookie } });
  const answers = [await client.request('get', '/count'), await client.request('get', '/count')];
  expect(answers.map((answer) => (answer.body as App).count)).toEqual([1, 2]);
});

it('regenerate() on the socket: the next request has the new session', async () => {
  const client = await connect('client 4', server.url);
  const before = (await client.request('get', '/count')).body as App;
  const { id } = (await client.request('post', '/regenerate')).body as App;
  expect(id).not.toBe(before.id);
  expect((await client.request('get', '/count')).body).toEqual({ count: 101, id });
});

it('destroy() on the socket: the next requests share a fresh session', async () => {
  const client = await connect('client 4', server.url);
  const before = (await client.request('get', '/count')).body as App;
  await client.request('post', '/destroy');
  const first = (await client.request('get', '/count')).body as App;
  expect(first.count).toBe(1);
  expect(first.id).not.toBe(before.id);
  expect((await client.request('get', '/count')).body).toEqual({ count: 2, id: first.id });
});

it.each([
  ['header', { headers: { nosession: 'true' } }],
  ['query', { query: { nosession: 'true' } }],
])('nosession in the %s: no session', async (_where, options) => {
  const client = await connect('client 4', server.url, options);
  expect((await client.request('get', '/has-session')).body).toEqual({ has: false });
});

it('without the session hook', async () => {
  const { url } = await lift({ routes, hooks: { session: false } });
  const client = await connect('client 4', url);
  expect((await client.request('get', '/has-session')).body).toEqual({ has: false });
});

it('the JWR never carries the session cookie', async () => {
  const client = await connect('client 4', server.url);
  const jwr = await client.request('post', '/regenerate');
  expect(JSON.stringify(jwr.headers).toLowerCase()).not.toContain('cookie');
});

it('GET /__getcookie sets a session cookie, unless grant3rdPartyCookie is false', async () => {
  const answer = await fetch(`${server.url}/__getcookie`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('javascript');
  expect(answer.headers.get('set-cookie')).toContain('sails.sid=');
  expect(await answer.text()).toBe('_sailsIoJSConnect();');
  const { url } = await lift({ sockets: { grant3rdPartyCookie: false } });
  expect((await fetch(`${url}/__getcookie`)).status).toBe(404);
});
