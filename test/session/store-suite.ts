import { createRequire } from 'node:module';
import type session from 'express-session';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionStore, SessionStoreSettings } from '../../dist/session/session-adapter';
import { type SessionHandler, type SessionServer, startSessionServer } from './session-server';

const require = createRequire(__filename);
export const ours = require('express-session') as typeof session;
const ofSails = createRequire(require.resolve('sails'))('express-session') as typeof session;

/** Where a suite's sessions are kept. */
export interface StorePlace {
  /** The store of one more worker. */
  newStore(expressSession: typeof session, settings?: SessionStoreSettings): SessionStore;
  /** How long a session is still to live, in milliseconds; `undefined` where there is none. */
  ttlMs(sid: string): Promise<number | undefined>;
  stop(): Promise<void>;
}

/** Calls a store method that takes a callback. */
export function settle<T>(
  run: (callback: (error: unknown, result?: T | null) => void) => void,
): Promise<T | null | undefined> {
  return new Promise((resolve, reject) => run((error, result) => (error ? reject(error) : resolve(result))));
}

export const read = (store: session.Store, sid: string) => settle<session.SessionData>((done) => store.get(sid, done));
export const save = (store: session.Store, sid: string, data: object) =>
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

/** The id in a session cookie. */
export function sidOf(cookie: string): string {
  return decodeURIComponent(cookie).split('=s:')[1]?.split('.')[0] as string;
}

/** What every store promises, wherever it keeps its sessions. */
export function describeSessionStore(name: string, start: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace;
    const cleanups: (() => unknown)[] = [];
    beforeAll(async () => {
      place = await start();
    });
    afterEach(async () => {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
      await settle((done) => newStore().clear(done));
    });
    afterAll(() => place?.stop());

    // Every touch goes out, unless a test is about that; and a slow machine is no outage.
    const newStore = (expressSession = ours, settings: SessionStoreSettings = {}): SessionStore =>
      place.newStore(expressSession, { touchEveryMs: 0, timeoutMs: 20_000, ...settings });

    describe.each([
      ['express-session', ours],
      ["Sails' own express-session", ofSails],
    ])('several workers on one store, through %s', (_name, expressSession) => {
      let stores: SessionStore[] = [];
      async function startWorkers(
        routes: Record<string, SessionHandler>,
        options: Partial<session.SessionOptions> = {},
      ): Promise<[SessionServer, SessionServer]> {
        stores = [];
        const start = async () => {
          const store = newStore(expressSession);
          stores.push(store);
          const server = await startSessionServer(expressSession, { ...options, store }, routes);
          cleanups.push(() => server.close());
          return server;
        };
        return [await start(), await start()];
      }

      const keysOf: SessionHandler = (req) => Object.keys(req.session).filter((key) => key !== 'cookie');

      it('a session made on one worker is seen on the other', async () => {
        const [one, two] = await startWorkers({
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
        let waiting = 0;
        const all = gate();
        const [one, two] = await startWorkers({
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
        expect(stores.reduce((sum, store) => sum + store.stats.merged, 0)).toBeGreaterThan(100);
      });

      it('a key that one request deletes stays deleted when a slower one saves another key', async () => {
        const slow = gate();
        const [one, two] = await startWorkers({
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
        const [one, two] = await startWorkers({
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
        const slow = gate();
        const [one, two] = await startWorkers({
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
        expect(stores.reduce((sum, store) => sum + store.stats.gone, 0)).toBe(1);
      });

      it('regenerate gives a new session and the old id is worth nothing', async () => {
        const [one, two] = await startWorkers({
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
        const [one, two] = await startWorkers({
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
        const slow = gate();
        const hour = 60 * 60 * 1000;
        const [one, two] = await startWorkers(
          {
            '/start': (req) => {
              req.session.user = 'ada';
            },
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
        expect(await place.ttlMs(sidOf(cookie as string))).toBeGreaterThan(999 * hour);
      });
    });

    describe('the store class', () => {
      it('has every method of a session store', async () => {
        const store = newStore();
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
        const store = newStore();
        store.set('a', { cookie: { originalMaxAge: null } } as session.SessionData);
        store.touch('a', { cookie: { originalMaxAge: null } } as session.SessionData);
        expect(await read(store, 'a')).not.toBeNull();
        store.destroy('a');
        expect(await read(store, 'a')).toBeNull();
      });

      it('merges plain objects that were read and saved again, as code of an app does', async () => {
        const [one, two] = [newStore(), newStore()];
        await save(one, 'a', { cookie: { originalMaxAge: null } });
        const mine = await read(one, 'a');
        const theirs = await read(two, 'a');
        await save(one, 'a', Object.assign(mine as object, { one: 1 }));
        await save(two, 'a', Object.assign(theirs as object, { two: 2 }));
        expect(await read(one, 'a')).toMatchObject({ one: 1, two: 2 });
      });

      it('takes a plain object that it has never seen as the whole session', async () => {
        const store = newStore();
        await save(store, 'a', { old: 1, cookie: { originalMaxAge: null } });
        await save(store, 'a', { fresh: 1, cookie: { originalMaxAge: null } });
        expect(await read(store, 'a')).toEqual({ fresh: 1, cookie: { originalMaxAge: null } });
      });

      it('gives a session stored without a cookie the default one, which express-session needs', async () => {
        const store = newStore();
        await save(store, 'a', { n: 1 });
        expect(await read(store, 'a')).toMatchObject({ n: 1, cookie: { path: '/', httpOnly: true } });
      });

      it('keeps prototype keys as plain data', async () => {
        const store = newStore();
        await save(store, 'a', JSON.parse('{"__proto__":{"admin":true},"n":1,"cookie":{}}'));
        const mine = await read(store, 'a');
        await save(newStore(), 'a', Object.assign((await read(newStore(), 'a')) as object, { n: 2 }));
        expect(Object.getPrototypeOf(mine)).toBe(Object.prototype);
        expect((mine as { admin?: boolean }).admin).toBeUndefined();
        expect(Object.getPrototypeOf(await read(store, 'a'))).toBe(Object.prototype);
      });

      it('brings every kind of value through a merge as it was', async () => {
        const values = {
          list: [],
          object: {},
          nested: { a: [{}, [], [[]]], b: null },
          integer: 9_007_199_254_740_991,
          fraction: 0.1 + 0.2,
          small: 1e-300,
          text: '"quoted\\" {[,:]} ü \u2028 \u{1F600} \n\t',
          lone: '\ud800',
          empty: '',
          'a "key": {': true,
          ключ: false,
          none: null,
          constructor: 'own',
        };
        const store = newStore();
        await save(store, 'a', { ...values, doomed: 1, cookie: {} });
        const mine = (await read(store, 'a')) as unknown as Record<string, unknown>;
        const theirs = (await read(store, 'a')) as object;
        await save(store, 'a', Object.assign(theirs, { theirs: ['}', '"'] }));
        delete mine.doomed;
        mine['a "key": {'] = { changed: [] };
        await save(store, 'a', Object.assign(mine, { mine: { '\\': '\\"' } }));
        const { cookie: _, ...found } = (await read(store, 'a')) as unknown as Record<string, unknown>;
        expect(found).toEqual({
          ...values,
          'a "key": {': { changed: [] },
          theirs: ['}', '"'],
          mine: { '\\': '\\"' },
        });
        expect(store.stats.merged).toBe(1);
      });

      it('gives what cannot be saved to the callback, and keeps the stored state', async () => {
        const store = newStore();
        await save(store, 'a', { n: 1, cookie: {} });
        const cyclic: Record<string, unknown> = { cookie: {} };
        cyclic.self = cyclic;
        await expect(save(store, 'a', cyclic)).rejects.toThrow(TypeError);
        expect(await read(store, 'a')).toMatchObject({ n: 1 });
      });

      it('a session that was destroyed is not brought back by who had read it', async () => {
        const store = newStore();
        await save(store, 'a', { n: 1, cookie: {} });
        const mine = (await read(store, 'a')) as object;
        await settle((done) => store.destroy('a', done));
        await save(store, 'a', Object.assign(mine, { n: 2 }));
        await settle((done) => store.touch('a', mine as session.SessionData, done));
        expect(await read(store, 'a')).toBeNull();
        expect(store.stats.gone).toBe(1);
      });
    });

    describe('time to live', () => {
      const HOUR = 60 * 60 * 1000;
      const DAY = 24 * HOUR;
      const cookieFor = (ms: number) => ({ originalMaxAge: ms, expires: new Date(Date.now() + ms) });

      async function expectTtl(sid: string, wantedMs: number): Promise<void> {
        const ttlMs = (await place.ttlMs(sid)) as number;
        expect(ttlMs).toBeGreaterThan(wantedMs - 15_000);
        expect(ttlMs).toBeLessThanOrEqual(wantedMs + 1_000);
      }

      it("C07: follows the cookie's expiry, and is a day for cookies that end with the browser", async () => {
        const store = newStore();
        await save(store, 'hour', { user: 1, cookie: cookieFor(HOUR) });
        await save(store, 'day', { user: 1, cookie: { originalMaxAge: null, expires: null } });
        await save(store, 'bare', { user: 1 });
        await expectTtl('hour', HOUR);
        await expectTtl('day', DAY);
        await expectTtl('bare', DAY);
      });

      it('touch renews it', async () => {
        const store = newStore();
        await save(store, 'a', { user: 1, cookie: { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR / 2) } });
        await expectTtl('a', HOUR / 2);
        await settle((done) => store.touch('a', { cookie: cookieFor(HOUR) } as session.SessionData, done));
        await expectTtl('a', HOUR);
      });

      it('a session saved with a cookie that is over is removed', async () => {
        const store = newStore();
        await save(store, 'a', { user: 1, cookie: cookieFor(HOUR) });
        await save(store, 'a', { user: 1, cookie: cookieFor(-1_000) });
        expect(await read(store, 'a')).toBeNull();
      });

      it('is minutes while nothing is stored, and that of the cookie from the first key on', async () => {
        const store = newStore(ours, { emptyTtlMs: 60_000 });
        await save(store, 'a', { cookie: cookieFor(HOUR) });
        await expectTtl('a', 60_000);
        const mine = (await read(store, 'a')) as session.SessionData;
        await settle((done) => store.touch('a', mine, done));
        await expectTtl('a', 60_000);
        await save(store, 'a', Object.assign(mine, { user: 1 }));
        await expectTtl('a', HOUR);
        await save(store, 'a', { ...mine, user: undefined });
        await expectTtl('a', 60_000);
      });

      it('of an empty session grows when two save into it at once', async () => {
        const store = newStore(ours, { emptyTtlMs: 60_000 });
        await save(store, 'a', { cookie: cookieFor(HOUR) });
        const [mine, theirs] = [await read(store, 'a'), await read(store, 'a')];
        await save(store, 'a', Object.assign(mine as object, { cookie: cookieFor(HOUR) }));
        await save(store, 'a', Object.assign(theirs as object, { user: 1 }));
        await expectTtl('a', HOUR);
      });

      it('is renewed at most once in a while by one process', async () => {
        const store = newStore(ours, { touchEveryMs: 60_000 });
        const touch = () =>
          settle((done) => store.touch('a', { cookie: cookieFor(HOUR) } as session.SessionData, done));
        await save(store, 'a', { user: 1, cookie: cookieFor(HOUR) });
        for (let n = 0; n < 10; n++) await touch();
        expect(store.stats.touchesSpared).toBe(10);
        expect(store.stats.operations.touch.calls).toBe(0);
        // A changed age is written at once.
        const mine = (await read(store, 'a')) as session.SessionData;
        mine.cookie = cookieFor(HOUR * 5) as session.Cookie;
        await settle((done) => store.touch('a', mine, done));
        await expectTtl('a', HOUR * 5);
        expect((await read(store, 'a'))?.cookie.originalMaxAge).toBe(HOUR * 5);
      });
    });
  });
}
