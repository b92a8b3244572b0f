import { PassThrough, Readable, Transform } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import sailsHookSockets from 'sails-hook-sockets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeAll, connect, type Jwr } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

/*
 * Every documented member of req and res, used over HTTP, over a socket, and over a socket of sails-hook-sockets. A virtual
 * request must do what HTTP does; where core's virtual requests can't, it must do what they do.
 */

type Probe = (req: App, res: App) => unknown;

/** What can be asked of a request, under a name each. The method is POST, the URL /probe/7?q=1&list=a&list=b. */
const REQUEST_PROBES: Record<string, Probe> = {
  accepts: (req) => req.accepts('json'),
  acceptsCharsets: (req) => typeof req.acceptsCharsets,
  acceptsLanguages: (req) => typeof req.acceptsLanguages,
  allParams: (req) => req.allParams(),
  baseUrl: (req) => typeof req.baseUrl,
  body: (req) => req.body,
  connection: (req) => typeof req.connection,
  cookies: (req) => req.cookies.plain,
  'cookies of JSON': (req) => req.cookies.json,
  file: (req) => typeof req.file,
  fresh: (req) => req.fresh,
  'get()': (req) => [req.get('X-Mine'), req.get('x-mine'), req.get('nothing')],
  'header()': (req) => req.header('X-Mine'),
  'referer in both spellings': (req) => [req.get('referer'), req.get('Referrer')],
  headers: (req) => req.headers['x-mine'],
  hostname: (req) => typeof req.hostname,
  i18n: (req) => typeof req.i18n,
  ip: (req) => req.ip,
  ips: (req) => req.ips,
  'is()': (req) => Boolean(req.is('json')),
  isSocket: (req) => Boolean(req.isSocket),
  method: (req) => req.method,
  next: (req) => typeof req.next,
  'options.action': (req) => req.options.action,
  'options of the route': (req) => req.options.own,
  originalUrl: (req) => req.originalUrl,
  'param() of the path': (req) => req.param('id'),
  'param() of the body': (req) => req.param('name'),
  'param() of the query': (req) => req.param('q'),
  'param() with a default': (req) => req.param('nothing', 'default'),
  params: (req) => req.params,
  path: (req) => req.path,
  port: (req) => typeof req.port,
  protocol: (req) => typeof req.protocol,
  query: (req) => req.query,
  'route.path': (req) => req.route.path,
  secret: (req) => req.secret,
  secure: (req) => typeof req.secure,
  session: (req) => ({ ...req.session, cookie: typeof req.session.cookie }),
  sessionID: (req) => typeof req.sessionID,
  'session.id is sessionID': (req) => req.session.id === req.sessionID,
  sessionStore: (req) => req.sessionStore === req._sails.config.session.store,
  setLocale: (req) => typeof req.setLocale,
  setTimeout: (req) => typeof req.setTimeout,
  // A socket always has the cookie of a session.
  signedCookies: (req) => Object.keys(req.signedCookies).filter((name) => name !== 'sails.sid'),
  socket: (req) => typeof req.socket,
  subdomains: (req) => typeof req.subdomains,
  url: (req) => req.url,
  validate: (req) => {
    try {
      req.validate();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'nothing thrown';
  },
  wantsJSON: (req) => Boolean(req.wantsJSON),
  xhr: (req) => req.xhr,
  _startTime: (req) => req._startTime instanceof Date,
  _sails: (req) => typeof req._sails.log,
  'instanceof Readable': (req) => req instanceof Readable,
  'locals.session': (req, res) => res.locals.session === req.session,
  'locals of the app': (req, res) => [res.locals.req === req, res.locals.res === res, typeof res.locals._],
  'statusCode before the answer': (_req, res) => res.statusCode,
};

/** What can be done with a response, under a path each. */
const RESPONSE_PROBES: Record<string, Probe> = {
  ok: (_req, res) => res.ok({ a: 1 }),
  'ok-without': (_req, res) => res.ok(),
  badRequest: (_req, res) => res.badRequest({ why: 1 }),
  'badRequest-without': (_req, res) => res.badRequest(),
  forbidden: (_req, res) => res.forbidden(),
  notFound: (_req, res) => res.notFound(),
  serverError: (_req, res) => res.serverError({ why: 1 }),
  custom: (_req, res) => res.teapot({ short: 'stout' }),
  json: (_req, res) => res.json({ a: [1, null, 'x'] }),
  'json-of-text': (_req, res) => res.json('text'),
  'json-of-nothing': (_req, res) => res.status(200).json(null),
  jsonx: (_req, res) => res.jsonx({ a: 1 }),
  'send-object': (_req, res) => res.send({ a: 1 }),
  'send-text': (_req, res) => res.send('text'),
  'send-nothing': (_req, res) => res.send(),
  sendStatus: (_req, res) => res.sendStatus(403),
  status: (_req, res) => res.status(201).send('made'),
  'statusCode=': (_req, res) => {
    res.statusCode = 202;
    res.send('taken');
  },
  redirect: (_req, res) => res.redirect('/elsewhere'),
  'set-and-get': (_req, res) => {
    res.set('X-One', '1');
    res.setHeader('x-two', '2');
    res.send([res.get('X-One'), res.getHeader('X-Two'), res.get('nothing')].join());
  },
  removeHeader: (_req, res) => {
    res.setHeader('X-Two', '2');
    res.removeHeader('x-two');
    res.send(String(res.getHeader('x-two')));
  },
  'without-this': (_req, res) => {
    const { ok } = res;
    ok({ a: 1 });
  },
  'wrapped-send': (_req, res) => {
    const { send } = res;
    res.send = (body: unknown) => send.call(res, `wrapped ${body}`);
    res.send('text');
  },
  'on-finish': (req, res) => {
    res.once('finish', () => req._sails.emit('finished', res.statusCode));
    req._sails.once('finished', () => undefined);
    res.status(201).send('x');
  },
  'written-and-ended': (_req, res) => {
    res.status(200);
    res.write('one ');
    res.end('two');
  },
  'ended-only': (_req, res) => {
    res.status(200);
    res.end('all at once');
  },
  'ended-without': (_req, res) => {
    res.status(204);
    res.end();
  },
  writeHead: (_req, res) => {
    res.writeHead(203, { 'x-head': 'yes' });
    res.end('head');
  },
  piped: (_req, res) => {
    res.status(200);
    Readable.from(['one ', 'two']).pipe(res);
  },
  cookie: (_req, res) => res.cookie('a', '1').send('x'),
  clearCookie: (_req, res) => res.clearCookie('a').send('x'),
  attachment: (_req, res) => res.attachment('a.txt').send('x'),
  location: (_req, res) => res.location('/there').send('x'),
  type: (_req, res) => res.type('txt').send('x'),
  jsonp: (_req, res) => res.jsonp({ a: 1 }),
  format: (_req, res) => res.format({ json: () => res.json({ a: 1 }) }),
  view: (_req, res) => res.view('no-such-view'),
};

function routes(): Record<string, unknown> {
  const answerProbes: Probe = (req, res) => {
    req.session.seen = true;
    const results: Record<string, unknown> = {};
    for (const [name, probe] of Object.entries(REQUEST_PROBES)) {
      try {
        results[name] = probe(req, res) ?? 'nothing';
      } catch {
        results[name] = 'throws';
      }
    }
    res.json(results);
  };
  const table: Record<string, unknown> = { 'POST /probe/:id': [{ fn: answerProbes, own: { deep: { a: 1 } } }] };
  for (const [name, probe] of Object.entries(RESPONSE_PROBES)) table[`GET /response/${name}`] = probe;
  return table;
}

const FILES = {
  'api/responses/teapot.js': 'module.exports = function teapot(body) { return this.res.status(418).json(body); };',
};
const COOKIE = `plain=yes; json=${encodeURIComponent('j:{"a":1}')}`;
const HEADERS = { 'x-mine': 'mine', referer: 'http://a.example/page' };
const URL_OF_PROBE = '/probe/7?q=1&list=a&list=b';
const BODY = { name: 'ada', list2: [1, 2] };

let ours: Lifted;
let reference: Lifted;

beforeAll(async () => {
  const config = { log: { level: 'silent' }, routes: routes() };
  ours = await lift(config, FILES);
  reference = await lift({ ...config, hooks: { sockets: sailsHookSockets } }, FILES);
});
afterAll(async () => {
  closeAll();
  await lowerAll();
});

async function overSocket({ url }: Lifted, method: string, path: string, body?: unknown): Promise<Jwr> {
  const client = await connect('client 4', url, { headers: { cookie: COOKIE, origin: url } });
  const jwr = await client.request(method, path, body, HEADERS);
  client.close();
  return jwr;
}

/** An HTTP answer in the form of a virtual one. */
async function overHttp({ url }: Lifted, method: string, path: string, body?: unknown): Promise<Jwr> {
  const answer = await fetch(url + path, {
    method: method.toUpperCase(),
    redirect: 'manual',
    headers: { ...HEADERS, cookie: COOKIE, 'content-type': 'application/json', accept: 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json');
  return {
    statusCode: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: isJson && text ? JSON.parse(text) : text,
  };
}

describe('requests', () => {
  it('each member is as over HTTP, or as with sails-hook-sockets', async () => {
    const [http, mine, theirs] = await Promise.all([
      overHttp(ours, 'post', URL_OF_PROBE, BODY),
      overSocket(ours, 'post', URL_OF_PROBE, BODY),
      overSocket(reference, 'post', URL_OF_PROBE, BODY),
    ]);
    expect(http.statusCode).toBe(200);
    const results = (jwr: Jwr) => jwr.body as Record<string, unknown>;
    const unlike = Object.keys(REQUEST_PROBES).filter((name) => !same(results(mine)[name], results(http)[name]));
    for (const name of unlike) expect([name, results(mine)[name]]).toEqual([name, results(theirs)[name]]);
    // What virtual requests do not have, or have of their own kind.
    expect(unlike.toSorted()).toEqual(UNLIKE_HTTP.toSorted());
  });
});

describe('responses', () => {
  it.each(Object.keys(RESPONSE_PROBES))('%s', async (name) => {
    const path = `/response/${name}`;
    const [http, mine, theirs] = await Promise.all([
      overHttp(ours, 'get', path),
      overSocket(ours, 'get', path),
      overSocket(reference, 'get', path),
    ]);
    const asHttp = same(essence(mine), essence(http));
    if (!asHttp) expect(essence(mine)).toEqual(essence(theirs));
  });
});

function essence({ statusCode, body, headers = {} }: Jwr): unknown {
  const named = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const { location, 'x-one': one, 'x-two': two, 'x-head': head } = named;
  // Of an error's stack only the message.
  const text = typeof body === 'string' ? body.split('\n', 1)[0] : body;
  return { statusCode, body: text ?? '', location, one, two, head };
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Members of `req` that Express has and core's virtual requests have not, and what a socket is. */
const UNLIKE_HTTP = [
  'accepts',
  'acceptsCharsets',
  'acceptsLanguages',
  'fresh',
  'hostname',
  'is()',
  'isSocket',
  'secure',
  'setTimeout',
  'subdomains',
  'xhr',
];

describe('as streams', () => {
  it('are built for who uses them, and are whole', async () => {
    const seen: Record<string, unknown> = {};
    const { url } = await lift({
      routes: {
        'POST /req-piped': async (req: App, res: App) => {
          const sink = new PassThrough();
          req.pipe(sink);
          sink.resume();
          await finished(sink);
          res.json({ body: req.body });
        },
        'GET /pipeline': async (_req: App, res: App) => {
          await pipeline(Readable.from(['a', 'b', 'c']), res);
        },
        'GET /res-piped': (_req: App, res: App) => {
          const copy = new PassThrough();
          const text: string[] = [];
          copy.on('data', (chunk) => text.push(String(chunk)));
          copy.on('end', () => {
            seen.copy = text.join('');
          });
          res.pipe(copy);
          res.write('one ');
          res.end('two');
        },
        'GET /after-the-end': (_req: App, res: App) => {
          res.once('finish', () => {
            seen.after = [res.writableEnded, res.writableFinished, res.headersSent, res.finished];
          });
          seen.before = [res.writableEnded, res.headersSent, res.finished];
          res.json({ a: 1 });
        },
        'GET /looked-at': (_req: App, res: App) => {
          seen.isTransform = res instanceof Transform && res.writable;
          res.json({ a: 1 });
        },
      },
    });
    const client = await connect('client 4', url);
    expect((await client.request('post', '/req-piped', { a: 1 })).body).toEqual({ body: { a: 1 } });
    expect((await client.request('get', '/pipeline')).body).toBe('abc');
    expect((await client.request('get', '/res-piped')).body).toBe('one two');
    expect(seen.copy).toBe('one two');
    expect((await client.request('get', '/after-the-end')).body).toEqual({ a: 1 });
    expect(seen.before).toEqual([false, false, false]);
    expect(seen.after).toEqual([true, true, true, true]);
    expect((await client.request('get', '/looked-at')).body).toEqual({ a: 1 });
    expect(seen.isTransform).toBe(true);
  });
});
