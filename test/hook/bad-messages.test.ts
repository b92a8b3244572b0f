import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAll, connect, rawSocket } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

/** The properties of what all objects of the process share. */
const SHARED = [Object.prototype, Object, Function.prototype, Array.prototype].map(Object.getOwnPropertyNames);

let server: Lifted;
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await lift({
    log: { level: 'error' },
    routes: {
      'POST /echo': (req: App, res: App) => res.json(req.body),
      'GET /ping': (_req: App, res: App) => res.send('pong'),
      'GET /cyclic': (_req: App, res: App) => {
        const body: Record<string, unknown> = {};
        body.self = body;
        res.send(body);
      },
      'GET /bigint': (_req: App, res: App) => res.send({ big: 1n }),
    },
  });
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
  closeAll();
});
afterAll(lowerAll);

async function connected(): Promise<Socket> {
  const socket = rawSocket(server.url);
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
  return socket;
}

/** Emits as a careless or hostile client does, and settles with the acknowledgement. */
async function answerTo(...args: unknown[]): Promise<App> {
  const socket = await connected();
  return new Promise((resolve) => socket.emit('post', ...args, resolve));
}

async function stillAnswers(): Promise<void> {
  const client = await connect('client 4', server.url);
  expect((await client.request('get', '/ping')).body).toBe('pong');
}

describe('a bad message from a client is answered with a parse error, and the process lives', () => {
  it.each<[string, unknown[]]>([
    ['null', [null]],
    ['nothing at all', []],
    ['a string', ['/echo']],
    ['a number', [7]],
    ['an array', [[1, 2]]],
    ['bytes', [Buffer.from('x')]],
    ['no url', [{}]],
    ['a url that is null', [{ url: null }]],
    ['a url that is a number', [{ url: 7 }]],
    ['a url that is an object', [{ url: { toString: 'no' } }]],
    ['a url that is an array', [{ url: ['/echo'] }]],
    ['a url that no parser takes', [{ url: 'http://[oops' }]],
    ['data that is a string', [{ url: '/echo', data: 'text' }]],
    ['data that is a number', [{ url: '/echo', data: 7 }]],
    ['data that is a 1 MB string', [{ url: '/echo', data: 'x'.repeat(1_000_000) }]],
    ['params that are a string', [{ url: '/echo', params: 'text' }]],
    ['headers that are a string', [{ url: '/echo', headers: 'x' }]],
    ['headers that are an array', [{ url: '/echo', headers: ['x'] }]],
    ['something else than a callback', [{ url: '/echo' }, 'callback']],
  ])('%s', async (_what, args) => {
    const before = server.app.hooks.sockets.counters.parseErrors;
    const answer = await answerTo(...args);
    expect(answer).toMatchObject({
      code: 'SAILS:HOOK:SOCKETS:PARSE_VIRTUAL_REQ',
      status: 400,
      statusCode: 400,
      message: 'Failed to parse incoming socket.io request.',
    });
    expect(answer.details.length).toBeLessThan(500);
    expect(answer).not.toHaveProperty('stack');
    expect(server.app.hooks.sockets.counters.parseErrors).toBe(before + 1);
    await stillAnswers();
  });

  it.each([501, 5_000, 200_000])('data nested %i deep', async (depth) => {
    const data = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect((await answerToJson(`{"url":"/echo","data":${data}}`)).details).toBe('The data is nested too deeply.');
    await stillAnswers();
  });

  it('without a callback the client gets the event sails:parseError', async () => {
    const socket = await connected();
    const reported = new Promise((resolve) => socket.once('sails:parseError', resolve));
    socket.emit('get', null);
    expect(await reported).toMatchObject({ code: 'SAILS:HOOK:SOCKETS:PARSE_VIRTUAL_REQ' });
    await stillAnswers();
  });

  it.each(['0.9.0', '0.10.5', 'abc', '', null])('an SDK version of %j is refused', async (sdkVersion) => {
    const socket = rawSocket(server.url, { sdkVersion });
    sockets.push(socket);
    const answer: App = await new Promise((resolve) => socket.emit('get', { url: '/ping' }, resolve));
    expect(answer.details).toContain('SDK version');
    await stillAnswers();
  });

  it.each(['0.11.0', '1.0.0-rc.1', '1.2.1', '13.0.0'])('an SDK version of %j is taken', async (sdkVersion) => {
    const socket = rawSocket(server.url, { sdkVersion });
    sockets.push(socket);
    const answer: App = await new Promise((resolve) => socket.emit('get', { url: '/ping' }, resolve));
    expect(answer.body).toBe('pong');
  });
});

describe('an odd message that makes sense is answered', () => {
  it('1 MB of data', async () => {
    const text = 'x'.repeat(1_000_000);
    expect((await answerTo({ url: '/echo', data: { text } })).body).toEqual({ text });
  });

  it('1 MB of url', async () => {
    expect((await answerTo({ url: `/${'x'.repeat(1_000_000)}` })).statusCode).toBe(404);
  });

  it('data nested 500 deep', async () => {
    const data = `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`;
    const { body } = await answerToJson(`{"url":"/echo","data":${data}}`);
    expect(JSON.stringify(body)).toBe(data);
  });

  it('a url with a bad port', async () => {
    expect((await answerTo({ url: 'http://a:b:c/' })).statusCode).toBeGreaterThanOrEqual(400);
    await stillAnswers();
  });

  it('a url without a leading slash', async () => {
    expect((await answerTo({ url: 'echo' })).statusCode).toBe(404);
  });

  it('a url that can not be decoded', async () => {
    expect((await answerTo({ url: '/%E0%A4%A' })).statusCode).toBeGreaterThanOrEqual(400);
    await stillAnswers();
  });

  it('falsy data and headers', async () => {
    for (const data of [null, undefined, false, 0, '']) {
      expect((await answerTo({ url: '/echo', data, headers: null })).body).toEqual({});
    }
  });

  it('header values of every type', async () => {
    const headers = { a: 1, b: null, c: true, d: { e: 'f' }, g: ['h'], __sails_io_sdk_version: '0.1.0' };
    expect((await answerTo({ url: '/echo', data: { a: 1 }, headers })).body).toEqual({ a: 1 });
  });

  it.each([
    [
      'data',
      '{"data":{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}},"a":{"__proto__":{"polluted":"yes"}}}}',
    ],
    ['data, as strings', '{"data":{"__proto__":"x","constructor":"y","a":[{"constructor":"y","__proto__":"x"}]}}'],
    [
      'data, against built-ins',
      '{"data":{"constructor":{"assign":"x","keys":null},"a":{"constructor":{"assign":"x"}}}}',
    ],
    ['params', '{"params":{"__proto__":{"polluted":"yes"},"constructor":"y"}}'],
    ['headers', '{"headers":{"__proto__":"x","constructor":"x","hasOwnProperty":"x"}}'],
    ['query', '{"url":"/echo?__proto__[polluted]=yes&__proto__=x&%5f_proto__=x&constructor=y&a=1"}'],
    ['message', '{"__proto__":{"url":7},"constructor":1,"hasOwnProperty":2}'],
  ])('prototype keys in %s change nobody else', async (_where, json) => {
    const body = await answerToJson(JSON.stringify({ url: '/echo' }).slice(0, -1) + json.replace('{', ','));
    expect(body.statusCode).toBe(200);
    expect(JSON.stringify(body.body)).not.toContain('__proto__');
    expect([Object.prototype, Object, Function.prototype, Array.prototype].map(Object.getOwnPropertyNames)).toEqual(
      SHARED,
    );
    await stillAnswers();
  });

  it.each(['/cyclic', '/bigint'])(
    'a response body that can not be sent (%s) is a 500, not a lost callback',
    async (url) => {
      const client = await connect('client 4', server.url);
      const jwr = await client.request('get', url);
      expect(jwr).toMatchObject({ statusCode: 500, body: { code: 'E_UNSENDABLE_RESPONSE' } });
      await stillAnswers();
    },
  );
});

/** Sends a message as ready JSON, as a hostile client can: `__proto__` stays a key of its own. */
async function answerToJson(json: string): Promise<App> {
  const socket = await connected();
  const { engine } = socket.io;
  return new Promise((resolve) => {
    engine.on('data', (data: unknown) => {
      if (typeof data === 'string' && data.startsWith('3999')) resolve(JSON.parse(data.slice(4))[0]);
    });
    engine.write(`2999["post",${json}]`);
  });
}
