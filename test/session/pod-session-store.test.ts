import { createRequire } from 'node:module';
import type session from 'express-session';
import { afterEach, describe, expect, it } from 'vitest';
import { createPodSessionAdapter, type PodSessionStoreClient } from '../../dist/session/pod-session-adapter';
import { startPod, type TestPod } from './pod-sessions';
import { type SessionHandler, type SessionServer, startSessionServer } from './session-server';

const require = createRequire(__filename);
const ours = require('express-session') as typeof session;
const ofSails = createRequire(require.resolve('sails'))('express-session') as typeof session;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newPod(options?: Parameters<typeof startPod>[0]): TestPod {
  const pod = startPod(options);
  cleanups.push(() => pod.service.close());
  return pod;
}

function newStore(pod: TestPod, expressSession = ours): PodSessionStoreClient {
  return new (createPodSessionAdapter(pod.call)(expressSession))();
}

/** Calls a store method that takes a callback. */
function settle<T>(
  run: (callback: (error: unknown, result?: T | null) => void) => void,
): Promise<T | null | undefined> {
  return new Promise((resolve, reject) => run((error, result) => (error ? reject(error) : resolve(result))));
}

const read = (store: session.Store, sid: string) => settle<session.SessionData>((done) => store.get(sid, done));
const save = (store: session.Store, sid: string, data: object) =>
  settle((done) => store.set(sid, data as session.SessionData, done));

/** A point that requests wait at until the test opens it. */
function gate(): { arrived: Promise<void>; pass: () => Promise<void>; open: () => void } {
  let arrive = () => {};
  let open = () => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    arrived,
    open,
    pass: () => {
      arrive();
      return opened;
    },
  };
}

describe.each([
  ['express-session', ours],
  ["Sails' own express-session", ofSails],
])('several workers on one pod store, through %s', (_name, expressSession) => {
  async function startWorkers(
    pod: TestPod,
    routes: Record<string, SessionHandler>,
    options: Partial<session.SessionOptions> = {},
  ): Promise<[SessionServer, SessionServer]> {
    const start = async () => {
      const store = newStore(pod, expressSession);
      const server = await startSessionServer(expressSession, { ...options, store }, routes);
      cleanups.push(() => server.close());
      return server;
    };
    return [await start(), await start()];
  }

  const keysOf: SessionHandler = (req) => Object.keys(req.session).filter((key) => key !== 'cookie');

  it('a session made on one worker is seen on the other', async () => {
    const [one, two] = await startWorkers(newPod(), {
      '/count': (req) => {
        req.session.count = Number(req.session.count ?? 0) + 1;
        return [req.session.count, req.sessionID];
      },
    });
    const first = await one.get('/count');
    const sid = (first.body as string[])[1];
    expect(first.body).toEqual([1, sid]);
    expect((await two.get('/count', first.cookie)).body).toEqual([2, sid]);
    expect((await one.get('/count', first.cookie)).body).toEqual([3, sid]);
  });

  it('200 requests at once, over two workers, each with a key of its own: 200 keys', async () => {
    const pod = newPod();
    let waiting = 0;
    const all = gate();
    const [one, two] = await startWorkers(pod, {
      '/start': () => null,
      '/put': async (req) => {
        waiting += 1;
        // Everybody has read the session before anybody saves it.
        if (waiting === 200) all.open();
        await all.pass();
        req.session[`key${req.url?.split('?')[1]}`] = 1;
      },
      '/keys': keysOf,
    });
    const { cookie } = await one.get('/start');
    await Promise.all(Array.from({ length: 200 }, (_, n) => (n % 2 ? one : two).get(`/put?${n}`, cookie)));
    expect((await one.get('/keys', cookie)).body).toHaveLength(200);
    expect(pod.service.stats().merged).toBeGreaterThan(100);
  });

  it('a key that one request deletes stays deleted when a slower one saves another key', async () => {
    const slow = gate();
    const [one, two] = await startWorkers(newPod(), {
      '/start': (req) => {
        req.session.cart = ['book'];
        req.session.theme = 'dark';
      },
      '/slow': async (req) => {
        await slow.pass();
        req.session.seen = true;
      },
      '/empty': (req) => {
        delete req.session.cart;
      },
      '/session': (req) => ({ ...req.session, cookie: undefined }),
    });
    const { cookie } = await one.get('/start');
    const slowly = one.get('/slow', cookie);
    await slow.arrived;
    await two.get('/empty', cookie);
    slow.open();
    await slowly;
    expect((await two.get('/session', cookie)).body).toEqual({ theme: 'dark', seen: true });
  });

  it('for one key the last writer wins; a request that changes nothing undoes nothing, even with resave', async () => {
    const writer = gate();
    const reader = gate();
    const [one, two] = await startWorkers(newPod(), {
      '/start': (req) => {
        req.session.step = 1;
      },
      '/write': async (req) => {
        await writer.pass();
        req.session.step = 3;
      },
      '/read': async () => {
        await reader.pass();
      },
      '/two': (req) => {
        req.session.step = 2;
      },
      '/step': (req) => req.session.step,
    });
    const { cookie } = await one.get('/start');
    const reading = one.get('/read', cookie);
    const writing = one.get('/write', cookie);
    await Promise.all([reader.arrived, writer.arrived]);
    await two.get('/two', cookie);
    reader.open();
    await reading;
    expect((await two.get('/step', cookie)).body).toBe(2);
    writer.open();
    await writing;
    expect((await two.get('/step', cookie)).body).toBe(3);
  });

  it('a logout stays a logout when a slower request saves the session that it had read', async () => {
    const pod = newPod();
    const slow = gate();
    const [one, two] = await startWorkers(pod, {
      '/login': (req) => {
        req.session.user = 'ada';
      },
      '/slow': async (req) => {
        await slow.pass();
        req.session.seen = true;
      },
      '/logout': (req) => new Promise<void>((resolve) => req.session.destroy(() => resolve())),
      '/user': (req) => req.session.user,
    });
    const { cookie } = await one.get('/login');
    const slowly = one.get('/slow', cookie);
    await slow.arrived;
    await two.get('/logout', cookie);
    slow.open();
    expect((await slowly).status).toBe(200);
    expect((await two.get('/user', cookie)).body).toBeNull();
    expect(pod.service.stats().gone).toBe(1);
  });

  it('regenerate gives a new session and the old id is worth nothing', async () => {
    const [one, two] = await startWorkers(newPod(), {
      '/start': (req) => {
        req.session.anonymous = true;
        return req.sessionID;
      },
      '/login': async (req) => {
        await new Promise<void>((resolve) => req.session.regenerate(() => resolve()));
        req.session.user = 'ada';
        return req.sessionID;
      },
      '/session': (req) => ({ ...req.session, cookie: undefined }),
    });
    const before = await one.get('/start');
    const after = await two.get('/login', before.cookie);
    expect(after.body).not.toBe(before.body);
    expect((await one.get('/session', after.cookie)).body).toEqual({ user: 'ada' });
    expect((await one.get('/session', before.cookie)).body).toEqual({});
  });

  it('several saves within one request, not awaited, leave its last state', async () => {
    const [one, two] = await startWorkers(newPod(), {
      '/draft': (req) => {
        req.session.draft = 1;
        req.session.kept = 1;
        req.session.save();
        delete req.session.draft;
        req.session.save();
        req.session.kept = 2;
      },
      '/session': (req) => ({ ...req.session, cookie: undefined }),
    });
    const { cookie } = await one.get('/draft');
    expect((await two.get('/session', cookie)).body).toEqual({ kept: 2 });
  });

  it('"remember me" on one worker is not undone by a request that had read the shorter age', async () => {
    const pod = newPod();
    const slow = gate();
    const hour = 60 * 60 * 1000;
    const [one, two] = await startWorkers(
      pod,
      {
        '/start': () => null,
        '/slow': async () => {
          await slow.pass();
        },
        '/remember': (req) => {
          req.session.cookie.maxAge = 1000 * hour;
        },
        '/age': (req) => req.session.cookie.originalMaxAge,
      },
      { cookie: { maxAge: hour } },
    );
    const { cookie } = await one.get('/start');
    const slowly = one.get('/slow', cookie);
    await slow.arrived;
    await two.get('/remember', cookie);
    slow.open();
    await slowly;
    expect((await two.get('/age', cookie)).body).toBeGreaterThan(999 * hour);
    pod.pass(500 * hour);
    expect(pod.service('length', [], {} as never)).toBe(1);
  });

  it('an error of the store is a 500 and no crash', async () => {
    const pod = newPod();
    let isDown = false;
    const call: TestPod['call'] = (method, args) =>
      isDown ? Promise.reject(Object.assign(new Error('down'), { code: 'E_HUB_UNAVAILABLE' })) : pod.call(method, args);
    const [one] = await startWorkers({ ...pod, call }, { '/start': () => 'fine' });
    const { cookie } = await one.get('/start');
    isDown = true;
    expect(await one.get('/start', cookie)).toMatchObject({ status: 500, body: 'E_HUB_UNAVAILABLE' });
    isDown = false;
    expect(await one.get('/start', cookie)).toMatchObject({ status: 200, body: 'fine' });
  });
});

describe('the store class', () => {
  it('has every method of a session store', async () => {
    const store = newStore(newPod());
    expect(await read(store, 'none')).toBeNull();
    await save(store, 'a', { n: 1, cookie: { originalMaxAge: null } });
    await save(store, 'b', { n: 2, cookie: { originalMaxAge: null } });
    expect(await read(store, 'a')).toEqual({ n: 1, cookie: { originalMaxAge: null } });
    expect(await settle<number>((done) => store.length(done))).toBe(2);
    const all = await settle<{ id: string }[]>((done) => store.all(done as never));
    expect(all?.sort((x, y) => x.id.localeCompare(y.id))).toMatchObject([
      { id: 'a', n: 1 },
      { id: 'b', n: 2 },
    ]);
    await settle((done) => store.destroy('a', done));
    expect(await read(store, 'a')).toBeNull();
    await settle((done) => store.clear(done));
    expect(await settle<number>((done) => store.length(done))).toBe(0);
  });

  it('works without callbacks', async () => {
    const store = newStore(newPod());
    store.set('a', { cookie: { originalMaxAge: null } } as session.SessionData);
    store.touch('a', { cookie: { originalMaxAge: null } } as session.SessionData);
    expect(await read(store, 'a')).not.toBeNull();
    store.destroy('a');
    expect(await read(store, 'a')).toBeNull();
  });

  it('merges plain objects that were read and saved again, as code of an app does', async () => {
    const pod = newPod();
    const [one, two] = [newStore(pod), newStore(pod)];
    await save(one, 'a', { cookie: { originalMaxAge: null } });
    const mine = await read(one, 'a');
    const theirs = await read(two, 'a');
    await save(one, 'a', Object.assign(mine as object, { one: 1 }));
    await save(two, 'a', Object.assign(theirs as object, { two: 2 }));
    expect(await read(one, 'a')).toMatchObject({ one: 1, two: 2 });
  });

  it('takes a plain object that it has never seen as the whole session', async () => {
    const store = newStore(newPod());
    await save(store, 'a', { old: 1, cookie: { originalMaxAge: null } });
    await save(store, 'a', { fresh: 1, cookie: { originalMaxAge: null } });
    expect(await read(store, 'a')).toEqual({ fresh: 1, cookie: { originalMaxAge: null } });
  });

  it('gives a session stored without a cookie the default one, which express-session needs', async () => {
    const store = newStore(newPod());
    await save(store, 'a', { n: 1 });
    expect(await read(store, 'a')).toMatchObject({ n: 1, cookie: { path: '/', httpOnly: true } });
  });

  it('drops what was read from an earlier session of the same id', async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'a', { user: 'ada', cookie: { originalMaxAge: null } });
    const stale = await read(store, 'a');
    await settle((done) => store.destroy('a', done));
    await save(store, 'a', { cookie: { originalMaxAge: null } });
    await save(store, 'a', Object.assign(stale as object, { user: 'still ada' }));
    expect(await read(store, 'a')).toEqual({ cookie: { originalMaxAge: null } });
  });

  it('keeps prototype keys as plain data', async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'a', JSON.parse('{"__proto__":{"admin":true},"n":1,"cookie":{}}'));
    const mine = await read(store, 'a');
    await save(newStore(pod), 'a', Object.assign((await read(newStore(pod), 'a')) as object, { n: 2 }));
    expect(Object.getPrototypeOf(mine)).toBe(Object.prototype);
    expect((mine as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.getPrototypeOf(await read(store, 'a'))).toBe(Object.prototype);
  });

  it('gives what cannot be saved to the callback, and keeps the stored state', async () => {
    const store = newStore(newPod({ maxBytes: 2_000 }));
    await save(store, 'a', { n: 1, cookie: {} });
    const cyclic: Record<string, unknown> = { cookie: {} };
    cyclic.self = cyclic;
    await expect(save(store, 'a', cyclic)).rejects.toThrow(TypeError);
    await expect(save(store, 'a', { n: 'x'.repeat(3_000), cookie: {} })).rejects.toMatchObject({
      code: 'E_SESSION_TOO_LARGE',
    });
    expect(await read(store, 'a')).toMatchObject({ n: 1 });
  });

  it('a save that failed is made again in full by the next one', async () => {
    const pod = newPod();
    let isDown = false;
    const call: TestPod['call'] = (method, args) =>
      isDown ? Promise.reject(new Error('down')) : pod.call(method, args);
    const store = newStore({ ...pod, call });
    await save(store, 'a', { n: 1, cookie: {} });
    const mine = Object.assign((await read(store, 'a')) as object, { n: 2 });
    isDown = true;
    await expect(save(store, 'a', mine)).rejects.toThrow('down');
    isDown = false;
    await save(store, 'a', mine);
    expect(await read(store, 'a')).toMatchObject({ n: 2 });
  });
});

describe('time to live', () => {
  const HOUR = 60 * 60 * 1000;
  const cookieFor = (ms: number) => ({ originalMaxAge: ms, expires: new Date(Date.now() + ms) });

  it("follows the cookie's expiry, and a day for cookies that end with the browser", async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'hour', { cookie: cookieFor(HOUR) });
    await save(store, 'day', { cookie: { originalMaxAge: null, expires: null } });
    pod.pass(HOUR - 5_000);
    expect(await read(store, 'hour')).not.toBeNull();
    pod.pass(6_000);
    expect(await read(store, 'hour')).toBeNull();
    expect(await read(store, 'day')).not.toBeNull();
    pod.pass(23 * HOUR);
    expect(await read(store, 'day')).toBeNull();
    expect(pod.service.stats()).toMatchObject({ sessions: 0, bytes: 0, expired: 2 });
  });

  it('touch renews it; reading does not', async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'a', { cookie: cookieFor(HOUR) });
    pod.pass(HOUR / 2);
    await settle((done) => store.touch('a', { cookie: cookieFor(HOUR) } as session.SessionData, done));
    pod.pass(HOUR / 2 + 1_000);
    expect(await read(store, 'a')).not.toBeNull();
    pod.pass(HOUR / 2);
    expect(await read(store, 'a')).toBeNull();
  });

  it('a session saved with a cookie that is over is removed', async () => {
    const store = newStore(newPod());
    await save(store, 'a', { cookie: cookieFor(HOUR) });
    await save(store, 'a', { cookie: cookieFor(-1_000) });
    expect(await read(store, 'a')).toBeNull();
  });

  it('a save after the end does not bring the session back', async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'a', { n: 1, cookie: cookieFor(HOUR) });
    const mine = await read(store, 'a');
    pod.pass(2 * HOUR);
    await save(store, 'a', Object.assign(mine as object, { n: 2 }));
    expect(await read(store, 'a')).toBeNull();
  });

  it('the sweep frees sessions that nobody asks for', async () => {
    const pod = newPod({ sweepEveryMs: 5 });
    const store = newStore(pod);
    for (let n = 0; n < 50; n++) await save(store, `s${n}`, { cookie: cookieFor(HOUR) });
    pod.pass(2 * HOUR);
    await expect.poll(() => pod.service.stats()).toMatchObject({ sessions: 0, bytes: 0, expired: 50 });
  });
});

describe('the bound on memory', () => {
  it('drops the least recently used session, counts it and says so once a minute', async () => {
    const pod = newPod({ maxBytes: 10_000 });
    const store = newStore(pod);
    const fill = (name: string) => save(store, name, { text: 'x'.repeat(2_500), cookie: {} });
    await fill('a');
    await fill('b');
    await fill('c');
    // Reading and touching are uses: of the three, b is the least recently used now.
    await read(store, 'a');
    await settle((done) => store.touch('c', { cookie: {} } as session.SessionData, done));
    await fill('d');
    expect(await read(store, 'b')).toBeNull();
    expect(await read(store, 'a')).not.toBeNull();
    expect(await read(store, 'c')).not.toBeNull();
    await fill('e');
    const stats = pod.service.stats();
    expect(stats).toMatchObject({ sessions: 3, evicted: 2, maxBytes: 10_000 });
    expect(stats.bytes).toBeLessThanOrEqual(10_000);
    expect(pod.warnings).toHaveLength(1);
    expect(pod.warnings[0]).toContain('FLOTILLA_SESSION_BYTES');
    pod.pass(61_000);
    await fill('f');
    expect(pod.warnings).toHaveLength(2);
  });

  it('stays exact over saves, touches, merges and removals', async () => {
    const pod = newPod();
    const [one, two] = [newStore(pod), newStore(pod)];
    await save(one, 'a', { cookie: {} });
    const mine = await read(one, 'a');
    await save(two, 'a', Object.assign((await read(two, 'a')) as object, { big: 'ü'.repeat(1_000) }));
    await save(one, 'a', Object.assign(mine as object, { small: 1 }));
    await settle((done) => one.touch('a', { cookie: { path: '/a/longer/path' } } as never, done));
    expect(pod.service.stats().bytes).toBeGreaterThan(2_000);
    await settle((done) => one.destroy('a', done));
    expect(pod.service.stats().bytes).toBe(0);
  });
});

describe('settings', () => {
  it.each([
    [{ maxBytes: 0 }, 'maxBytes', '0'],
    [{ maxBytes: Number.NaN }, 'maxBytes', 'NaN'],
    [{ defaultTtlMs: -1 }, 'defaultTtlMs', '-1'],
    [{ sweepEveryMs: 1.5 }, 'sweepEveryMs', '1.5'],
  ])('%j is refused with setting and value', (options, setting, value) => {
    expect(() => startPod(options)).toThrow(
      expect.objectContaining({ code: 'E_SESSION_SETTING', message: expect.stringMatching(`${setting}.*is ${value}`) }),
    );
  });

  it('FLOTILLA_SESSION_BYTES bounds the memory, and is checked', () => {
    cleanups.push(() => {
      delete process.env.FLOTILLA_SESSION_BYTES;
    });
    process.env.FLOTILLA_SESSION_BYTES = '12345';
    expect(newPod().service.stats().maxBytes).toBe(12_345);
    process.env.FLOTILLA_SESSION_BYTES = '64 MB';
    expect(() => startPod()).toThrow(/FLOTILLA_SESSION_BYTES.*'64 MB'/);
  });

  it('a call that the service does not know is refused', () => {
    const { service } = newPod();
    expect(() => service('drop', [], {} as never)).toThrow(expect.objectContaining({ code: 'E_SESSION_REQUEST' }));
    expect(() => service('get', [null], {} as never)).toThrow(/null as argument 1 of get/);
  });
});
