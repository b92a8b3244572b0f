import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Client, closeAll, connect } from './support/clients.js';
import { fetchJson } from './support/http.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

afterEach(async () => {
  closeAll();
  await lowerAll();
});
afterAll(lowerAll);

const named = (name: string) => (req: App, res: App) => res.json({ name, params: req.params });

async function liftWith(routes: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const server = await lift({ log: { level: 'silent' }, routes, ...more });
  return { server, client: await connect('client 4', server.url) };
}

/** Asks the same over a socket and over HTTP. */
async function both({ server, client }: { server: Lifted; client: Client }, path: string) {
  const jwr = await client.request('get', path);
  const answer = await fetch(server.url + path, { headers: { accept: 'application/json' } });
  const text = await answer.text();
  return {
    socket: { status: jwr.statusCode, body: jwr.body ?? '' },
    http: { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text },
  };
}

describe('a path meets the routes that it meets over HTTP', () => {
  it.each([
    ['/plain', 'plain'],
    ['/plain/', 'plain'],
    ['/PLAIN', 'plain'],
    ['/plain?x=1', 'plain'],
    ['/users/7', 'user'],
    ['/users/a%20b', 'user'],
    ['/users/7/books', 'optional'],
    ['/users/7/books/9', 'optional'],
    ['/numbers/12/more', 'numbers'],
    ['/files/a/b/c', 'files'],
    ['/skipped', 'after skipping'],
    ['/policed', 'policed'],
    ['/twice', 'second'],
    ['/rewritten', 'moved'],
    ['/nowhere', undefined],
    ['/users/%zz', undefined],
    ['/failing', undefined],
  ])('%s', async (path, name) => {
    const app = await liftWith({
      'GET /plain': named('plain'),
      'GET /users/:id': { fn: named('user'), skipAssets: false },
      'GET /users/:id/books/:book?': named('optional'),
      'GET r|^/numbers/(\\d+)/(.*)$|first,second': { fn: named('numbers'), skipAssets: true },
      'GET /files/*': { fn: named('files'), skipAssets: false },
      'GET /skipped': [(_req: App, _res: App, next: App) => next('route'), named('after skipping')],
      'GET /policed': [(req: App, _res: App, next: App) => next(req.options.bad), named('policed')],
      'GET /twice': (_req: App, _res: App, next: App) => next(),
      'GET /:first': { fn: (req: App, res: App, next: App) => firstOf(req, res, next), skipAssets: false },
      'GET /*': {
        fn: (req: App, res: App, next: App) => (req.url === '/moved/here' ? named('moved')(req, res) : next()),
        skipAssets: false,
      },
    });
    const { socket, http } = await both(app, path);
    if (name === undefined) expect(socket.status).toBe(http.status);
    else {
      expect(socket.body).toMatchObject({ name });
      expect(socket).toEqual(http);
    }
    // And again: the route is remembered by now.
    expect((await both(app, path)).socket).toEqual(socket);
  });

  function firstOf(req: App, res: App, next: App): void {
    const { first } = req.params;
    if (first === 'twice') named('second')(req, res);
    else if (first === 'rewritten') {
      req.url = '/moved/here';
      next();
    } else if (first === 'failing') next(new Error('on purpose'));
    else next();
  }
});

describe('options of routes', () => {
  it("come from every route that a request meets, the first ones first, and are each request's own", async () => {
    const seen: unknown[] = [];
    const app = await liftWith({
      'GET /a': [
        {
          fn: (req: App, _res: App, next: App) => {
            req.options.added = (req.options.added ?? 0) + 1;
            next();
          },
          one: { x: 1 },
        },
        {
          fn: (req: App, res: App) => {
            req.options.one.y += 1;
            seen.push(req.options.one);
            const { one, two, added } = req.options;
            res.json({ one, two, added });
          },
          one: { x: 2, y: 2 },
          two: ['a'],
        },
      ],
    });
    for (let round = 0; round < 3; round += 1) {
      const { socket, http } = await both(app, '/a');
      expect(socket.body).toEqual({ one: { x: 1, y: 3 }, two: ['a'], added: 1 });
      expect(socket).toEqual(http);
    }
  });
});

describe('a changed route table holds for the next request', () => {
  it('bind, unbind, reset and flush, and changes by hand', async () => {
    const { server, client } = await liftWith({ 'GET /old': named('old') });
    const { router } = server.app;
    const ask = async (path: string) => {
      const { statusCode, body } = await client.request('get', path);
      return statusCode === 200 ? (body as { name: string }).name : statusCode;
    };
    expect(await ask('/old')).toBe('old');
    expect(await ask('/new')).toBe(404);
    router.bind('GET /new', named('new'));
    expect(await ask('/new')).toBe('new');
    router.unbind({ path: '/new', verb: 'get' });
    router.bind('GET /new', named('newer'));
    expect(await ask('/new')).toBe('newer');
    router.unbind({ path: '/new', verb: 'get' });
    expect(await ask('/new')).toBe(404);

    // By hand: the same number of layers, in the same array.
    router.bind('GET /other', named('other'));
    expect(await ask('/other')).toBe('other');
    const { stack } = router._privateRouter;
    const other = stack.pop();
    router._privateRouter.get('/other', named('by hand'));
    expect(await ask('/other')).toBe('by hand');
    stack.pop();
    stack.push(other);
    expect(await ask('/other')).toBe('other');

    router.reset();
    expect(await ask('/old')).toBe(404);
    router.flush({ 'GET /flushed': named('flushed') });
    expect(await ask('/flushed')).toBe('flushed');
    expect(await ask('/old')).toBe(404);
  });

  it('a table with more than routes is left to the router itself', async () => {
    const { server, client } = await liftWith({ 'GET /a': named('a') });
    server.app.router._privateRouter.use((_error: unknown, _req: App, res: App, _next: App) =>
      res.json({ name: 'caught' }),
    );
    server.app.router.bind('GET /fails', () => {
      throw new Error('on purpose');
    });
    server.app.router._privateRouter.use((_error: unknown, _req: App, res: App, _next: App) =>
      res.json({ name: 'caught' }),
    );
    expect((await client.request('get', '/a')).body).toMatchObject({ name: 'a' });
    expect((await client.request('get', '/fails')).body).toEqual({ name: 'caught' });
  });
});

describe('listeners to router:route', () => {
  it('hear every route that a request meets, from when they listen', async () => {
    const { server, client } = await liftWith({ 'GET /a': named('a') });
    await client.request('get', '/a');
    const heard: unknown[] = [];
    const hear = ({ req, options }: App) => heard.push([req.route.path, options.detectedVerb.verb]);
    server.app.on('router:route', hear);
    await client.request('get', '/a');
    const overSocket = heard.splice(0);
    await fetchJson(`${server.url}/a`);
    expect(overSocket).toEqual(heard);
    expect(overSocket.length).toBeGreaterThan(3);
    server.app.off('router:route', hear);
  });
});

it('paths that clients make up do not fill the memory', async () => {
  const { server, client } = await liftWith({ 'GET /users/:id': { fn: named('user'), skipAssets: false } });
  const sockets = server.app.io.sockets.sockets.size;
  expect(sockets).toBe(1);
  for (let round = 0; round < 10; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, index) => client.request('get', `/users/${round * 60 + index}`)),
    );
    expect(answers.map(({ body }) => (body as App).params.id)).toEqual(
      Array.from({ length: 60 }, (_, index) => String(round * 60 + index)),
    );
  }
});

describe('blueprints, CORS and CSRF', () => {
  it('CORS headers are those of the route', async () => {
    const { client } = await liftWith(
      {
        'GET /a': { fn: named('a'), cors: { allowOrigins: ['http://a.example'] } },
        'GET /b': named('b'),
      },
      { security: { csrf: false, cors: { allRoutes: false } } },
    );
    const headers = { origin: 'http://evil.example' };
    expect((await client.request('get', '/a', undefined, headers)).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
  });

  it('a token of CSRF is asked for', async () => {
    const { client } = await liftWith({ 'POST /a': named('a'), 'GET /a': named('a') }, { security: { csrf: true } });
    expect((await client.request('get', '/a')).statusCode).toBe(200);
    expect((await client.request('post', '/a')).statusCode).toBe(403);
  });

  it.each(['options', 'head'])('%s is answered as ever', async (method) => {
    const { client } = await liftWith({ 'GET /a': named('a') });
    expect((await client.request(method, '/a')).statusCode).toBe(200);
  });
});
