import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAll, connect } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

let server: Lifted;

beforeAll(async () => {
  server = await lift(
    {
      log: { level: 'silent' },
      routes: {
        'GET /thrown': () => {
          throw new Error('thrown');
        },
        'GET /rejected': async () => {
          throw new Error('rejected');
        },
        'GET /next': (_req: App, _res: App, next: App) => next(new Error('passed on')),
        'GET /bad': (_req: App, res: App) => res.badRequest({ why: 'because' }),
        'GET /custom': (_req: App, res: App) => res.teapot('short and stout'),
        'GET /redirect': (_req: App, res: App) => res.redirect('/elsewhere'),
        'GET /nothing': (_req: App, res: App) => res.send(),
        'GET /twice': (_req: App, res: App) => {
          res.send('first');
          res.send('second');
        },
        'GET /written': (_req: App, res: App) => {
          res.status(200);
          res.write('x'.repeat(50_000));
          res.end('y');
        },
        'GET /piped': (_req: App, res: App) => {
          res.status(200);
          const stream = new PassThrough();
          stream.pipe(res);
          stream.write('one ');
          stream.end('two');
        },
        'GET /headers': (_req: App, res: App) => {
          res.set('X-One', '1');
          res.setHeader('X-Two', '2');
          res.send('ok');
        },
        'GET /set-cookie': (_req: App, res: App) => {
          res.set('Set-Cookie', 'a=1');
          res.send('ok');
        },
        'GET /items/:id': (req: App, res: App) => res.json({ id: req.param('id'), params: req.params }),
        'POST /list': (req: App, res: App) => res.json({ isArray: Array.isArray(req.body), body: req.body }),
        'GET /open': { action: 'open' },
        'GET /guarded': { action: 'guarded' },
        'POST /actions2': { action: 'actions2' },
        'GET /headers-in': (req: App, res: App) => res.json(req.headers),
      },
      controllers: {
        moduleDefinitions: {
          open: (_req: App, res: App) => res.send('open'),
          guarded: (req: App, res: App) => res.send(`hello ${req.session.who}`),
          actions2: {
            inputs: { name: { type: 'string', required: true } },
            exits: { notFound: { responseType: 'notFound' }, teapot: { responseType: 'teapot' } },
            async fn({ name }: { name: string }) {
              if (name === 'nobody') throw 'notFound';
              if (name === 'pot') throw { teapot: 'from an exit' };
              if (name === 'bug') throw new Error('a bug');
              return { hello: name };
            },
          },
        },
      },
      policies: { guarded: 'isKnown' },
    },
    {
      'api/policies/isKnown.js': `module.exports = (req, res, proceed) => {
      if (req.get('x-who') === undefined) return res.forbidden();
      req.session.who = req.get('x-who');
      return proceed();
    };`,
      'api/responses/teapot.js': 'module.exports = function teapot(body) { return this.res.status(418).send(body); };',
    },
  );
});

afterEach(closeAll);
afterAll(lowerAll);

async function request(method: string, url: string, data?: unknown, headers?: Record<string, string>) {
  const client = await connect('client 4', server.url);
  return client.request(method, url, data, headers);
}

describe('errors', () => {
  it.each(['/thrown', '/rejected', '/next'])('%s is a 500, never a lost callback', async (url) => {
    expect((await request('get', url)).statusCode).toBe(500);
  });

  it('an unknown route is a 404', async () => {
    expect((await request('get', '/nowhere')).statusCode).toBe(404);
  });
});

describe('responses', () => {
  it('custom responses and status codes', async () => {
    expect(await request('get', '/bad')).toMatchObject({ statusCode: 400, body: { why: 'because' } });
    expect(await request('get', '/custom')).toMatchObject({ statusCode: 418, body: 'short and stout' });
    expect(await request('get', '/redirect')).toMatchObject({ statusCode: 302, headers: { Location: '/elsewhere' } });
  });

  it('no body', async () => {
    const jwr = await request('get', '/nothing');
    expect(jwr.statusCode).toBe(200);
    expect(jwr.body).toBeUndefined();
  });

  it('only the first answer counts', async () => {
    expect((await request('get', '/twice')).body).toBe('first');
  });

  it('what an action writes or pipes arrives as text', async () => {
    expect((await request('get', '/written')).body).toBe(`${'x'.repeat(50_000)}y`);
    expect((await request('get', '/piped')).body).toBe('one two');
  });

  it('headers arrive', async () => {
    const { headers } = await request('get', '/headers');
    expect(headers).toMatchObject({ 'X-One': '1', 'x-two': '2' });
  });
});

it('cookies stay on the server, however their header is written', async () => {
  expect((await request('get', '/set-cookie')).headers).toEqual({});
});

describe('requests', () => {
  it('path parameters', async () => {
    expect((await request('get', '/items/7')).body).toEqual({ id: '7', params: { id: '7' } });
  });

  it('an array stays an array', async () => {
    expect((await request('post', '/list', [1, 2])).body).toEqual({ isArray: true, body: [1, 2] });
  });

  it('`params` and `data` make one body', async () => {
    const client = await connect('client 4', server.url);
    const socket = [...server.app.io.sockets.sockets.values()].at(-1);
    expect(socket).toBeDefined();
    expect((await client.request('post', '/list', { a: 1 })).body).toEqual({ isArray: false, body: { a: 1 } });
  });

  it('a message can not change cookie or origin', async () => {
    const client = await connect('client 4', server.url, { headers: { origin: 'http://a.example', cookie: 'a=1' } });
    const headers = { cookie: 'stolen=1', origin: 'http://evil.example', 'x-mine': 'yes' };
    const { body } = await client.request('get', '/headers-in', undefined, headers);
    expect(body).toMatchObject({ origin: 'http://a.example', 'x-mine': 'yes' });
    expect((body as App).cookie).toContain('a=1');
    expect((body as App).cookie).not.toContain('stolen');
  });
});

describe('actions and policies', () => {
  it('a policy lets in or not', async () => {
    expect((await request('get', '/open')).body).toBe('open');
    expect((await request('get', '/guarded')).statusCode).toBe(403);
    expect((await request('get', '/guarded', undefined, { 'x-who': 'Ada' })).body).toBe('hello Ada');
  });

  it('actions2', async () => {
    expect(await request('post', '/actions2', { name: 'Ada' })).toMatchObject({
      statusCode: 200,
      body: { hello: 'Ada' },
    });
    expect((await request('post', '/actions2', {})).statusCode).toBe(400);
    expect((await request('post', '/actions2', { name: 'nobody' })).statusCode).toBe(404);
    expect(await request('post', '/actions2', { name: 'pot' })).toMatchObject({
      statusCode: 418,
      body: 'from an exit',
    });
    expect((await request('post', '/actions2', { name: 'bug' })).statusCode).toBe(500);
  });
});

describe('what a JWR carries', () => {
  it('sendResponseHeaders: false leaves the headers out', async () => {
    const { url } = await lift({
      sockets: { sendResponseHeaders: false },
      routes: { 'GET /': (_req: App, res: App) => res.send('ok') },
    });
    const client = await connect('client 4', url);
    expect(await client.request('get', '/')).toEqual({ body: 'ok', statusCode: 200 });
  });

  it('sendStatusCode: false leaves the status code out', async () => {
    const { url } = await lift({
      sockets: { sendStatusCode: false },
      routes: { 'GET /': (_req: App, res: App) => res.send('ok') },
    });
    const client = await connect('client 4', url);
    const jwr = await client.request('get', '/');
    expect(jwr.body).toBe('ok');
    expect(jwr).not.toHaveProperty('statusCode');
  });
});
