import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RedisStore } from 'connect-redis';
import type session from 'express-session';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { resolveRedisSettings } from '../../dist/redis';
import { checkConnectRedis } from '../../dist/session/connect-redis-pair';
import { openRedisSessions } from '../../dist/session/redis-sessions';
import type { SessionStore } from '../../dist/session/session-adapter';
import { connect } from '../hook/support/clients.js';
import { fetchJson } from '../hook/support/http.js';
import { lift, lowerAll } from '../hook/support/lift.js';
import { RedisServer } from '../support/redis-server';
import { sessionRoutes } from './sails-suite';
import { ours, read, save, settle, sidOf } from './store-suite';

const require = createRequire(__filename);
const formerAdapter = require('@sailshq/connect-redis') as (
  expressSession: typeof session,
) => new (
  options: object,
) => session.Store;
const adapterByName = require('../../session.js') as (
  expressSession: typeof session,
) => new (
  config?: object,
) => SessionStore & { close(): Promise<void> };

let server: RedisServer;
let client: Redis;
const cleanups: (() => unknown)[] = [];
const warnings: string[] = [];
const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message), error() {} };

beforeAll(async () => {
  server = await RedisServer.start();
  client = new Redis(server.port, '127.0.0.1');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await lowerAll();
  await client.flushall();
  warnings.length = 0;
});
afterAll(async () => {
  client?.disconnect();
  await server?.stop();
});

function openStore(config: object = {}, env: NodeJS.ProcessEnv = {}): SessionStore {
  const redis = resolveRedisSettings({ code: server.url, env });
  const sessions = openRedisSessions({ config, log, touchEveryMs: 0, ...(redis ? { redis } : {}) });
  cleanups.push(() => sessions.close());
  return new (sessions.adapter(ours))();
}

describe('sessions of other stores of the same format', () => {
  const HOUR = 3_600_000;
  const stored = () => ({
    cookie: { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR), httpOnly: true, path: '/' },
    user: 'ada',
    cart: [],
  });

  it.each([
    ['@sailshq/connect-redis', () => new (formerAdapter(ours))({ client })],
    ['connect-redis 8', () => new RedisStore({ client })],
  ])('%s: ours reads what it has written, and the other way round', async (_name, makeOther) => {
    const [other, mine] = [makeOther(), openStore()];
    await save(other, 'a', stored());
    expect(await read(mine, 'a')).toMatchObject({ user: 'ada', cart: [] });
    await save(mine, 'a', Object.assign((await read(mine, 'a')) as object, { theme: 'dark' }));
    expect(await read(other, 'a')).toMatchObject({ user: 'ada', cart: [], theme: 'dark', cookie: { path: '/' } });
    // What was written behind the back of ours is merged, too.
    const held = (await read(mine, 'a')) as object;
    await save(other, 'a', { ...stored(), theirs: {} });
    await save(mine, 'a', Object.assign(held, { mine: 1 }));
    expect(await read(other, 'a')).toMatchObject({ user: 'ada', theirs: {}, mine: 1 });
  });

  it('C07: a login leaves JSON with a time to live near the age of the cookie', async () => {
    const { url } = await lift({
      routes: sessionRoutes,
      flotilla: { redis: server.url },
      session: { secret: 's', cookie: { maxAge: HOUR } },
    });
    const { cookie } = await fetchJson(`${url}/login`);
    const key = `sess:${sidOf(cookie)}`;
    // express-session looks at the clock twice to know this age: now and then it is a millisecond less.
    expect(JSON.parse((await client.get(key)) as string)).toMatchObject({
      user: 'ada',
      cookie: { originalMaxAge: expect.closeTo(HOUR, -4) },
    });
    const ttlMs = await client.pttl(key);
    expect(ttlMs).toBeGreaterThan(HOUR - 10_000);
    expect(ttlMs).toBeLessThanOrEqual(HOUR);
  });
});

describe('what stands in Redis', () => {
  it.each([
    ['no JSON', '{"cookie":'],
    ['a list', '[]'],
    ['a number', '7'],
    ['null', 'null'],
    ['a string', '"text"'],
  ])('that is %s counts as no session, and is never a crash', async (_what, text) => {
    const store = openStore();
    await client.set('sess:a', text);
    expect(await read(store, 'a')).toBeNull();
    expect(store.stats.corrupt).toBe(1);
    await settle((done) => store.touch('a', { cookie: {} } as session.SessionData, done));
    await save(store, 'a', { n: 1, cookie: {} });
    expect(await read(store, 'a')).toMatchObject({ n: 1 });
    expect(warnings).toHaveLength(1);
  });

  it('over HTTP and on a socket a corrupt session is a fresh one', async () => {
    const { url } = await lift({ routes: sessionRoutes, flotilla: { redis: server.url }, session: { secret: 's' } });
    const { cookie } = await fetchJson(`${url}/login`);
    await client.set(`sess:${sidOf(cookie)}`, '{{{');
    expect((await fetchJson(`${url}/look`, { cookie })).body.fields).toEqual({});
    const socket = await connect('client 4', url, { headers: { cookie } });
    expect((await socket.request('get', '/look')).body).toMatchObject({ fields: {} });
    socket.close();
  });

  it('is merged although the script is new to the server', async () => {
    const store = openStore();
    await save(store, 'a', { cookie: {} });
    await client.script('FLUSH');
    await save(store, 'a', Object.assign((await read(store, 'a')) as object, { n: 1 }));
    expect(await read(store, 'a')).toMatchObject({ n: 1 });
  });

  it('is merged whatever white space and escapes another writer uses', async () => {
    const store = openStore();
    await client.set('sess:a', ' {\n "cookie" : {"originalMaxAge" : null} ,\t"\\u00fcber":[ 1 , 2 ] , "n" : 1 }\n');
    const mine = await read(store, 'a');
    await client.set('sess:a', ' {\n "cookie" : {"originalMaxAge" : null} ,\t"\\u00fcber":[ 1 , 3 ] , "n" : 2 }\n');
    await save(store, 'a', Object.assign(mine as object, { über: 'changed', more: true }));
    expect(await read(store, 'a')).toMatchObject({ über: 'changed', n: 2, more: true });
  });

  it.each([
    ['by itself like that of connect-redis', {}, {}, 'sess:'],
    ['as the app says', { prefix: 'x[*]?:' }, { FLOTILLA_NAMESPACE: 'shop' }, 'x[*]?:'],
    ['C14: of its release', {}, { FLOTILLA_NAMESPACE: 'shop' }, 'shop:sess:'],
  ])('has a key %s', async (_what, config, env, prefix) => {
    const store = openStore(config, env);
    await client.set('x1:other', '1');
    await save(store, 'a', { n: 1, cookie: {} });
    expect(await client.exists(`${prefix}a`)).toBe(1);
    expect(await settle<number>((done) => store.length(done))).toBe(1);
    await settle((done) => store.clear(done));
    expect(await client.keys('*')).toEqual(['x1:other']);
  });

  it.each([
    [{ serializer: {} }, /session\.serializer/],
    [{ ttl: -1 }, /session\.ttl is -1/],
    [{ prefix: 7 }, /session\.prefix is 7/],
    [{ onRedisDisconnect: 'x' }, /session\.onRedisDisconnect/],
  ])('settings that cannot be used are refused: %j', (config, message) => {
    expect(() => openStore(config)).toThrow(
      expect.objectContaining({ code: 'E_SESSION_SETTING', message: expect.stringMatching(message) }),
    );
  });
});

describe('C07: the wrong pair', () => {
  function packageOf(version: string): (name: string) => string {
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-session-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'connect-redis', version }));
    return () => join(folder, 'dist', 'index.cjs');
  }

  it.each(['9.0.0', '10.0.0', '7.1.1'])(
    'connect-redis %s under this package is refused with the versions',
    (version) => {
      expect(() => checkConnectRedis(packageOf(version))).toThrow(
        expect.objectContaining({
          code: 'E_SESSION_CLIENT',
          message: expect.stringMatching(`${version}.*8\\.1\\.0.*ioredis 5`),
        }),
      );
    },
  );

  it('8.1.0 is not', () => {
    expect(() => checkConnectRedis(packageOf('8.1.0'))).not.toThrow();
  });

  it('a store of connect-redis 9 or later on a client of ioredis stops the lift', async () => {
    // As the class of connect-redis 9 looks from outside; its `set` hands an object to the client.
    class StoreOfNine extends ours.Store {
      client = client;
      getTTL = () => 1;
      get = (_sid: string, done: (error: unknown, data?: null) => void) => done(null, null);
      set = (_sid: string, _data: unknown, done?: (error?: unknown) => void) => done?.();
      destroy = (_sid: string, done?: (error?: unknown) => void) => done?.();
    }
    await expect(lift({ session: { secret: 's', store: new StoreOfNine() } })).rejects.toThrow(
      /connect-redis 9 .*ioredis/,
    );
  });

  it('a client that is none of ioredis stops the lift', async () => {
    const session = { secret: 's', adapter: 'sails-hook-flotilla/session', client: { get() {}, set() {} } };
    await expect(lift({ session })).rejects.toThrow(/session\.client is no client of ioredis/);
  });
});

describe('the connection', () => {
  it('needs no more rights than docs/redis.md says', async () => {
    const rights = '+ping +info +select +client|setname +get +set +del +pexpire +eval +evalsha +scan'.split(' ');
    await client.acl('SETUSER', 'app', 'on', '>pw', '~sess:*', '-@all', ...rights);
    const store = openStore({ url: `redis://app:pw@127.0.0.1:${server.port}` });
    await save(store, 'a', { n: 1, cookie: {} });
    const [mine, theirs] = [await read(store, 'a'), await read(store, 'a')];
    await save(store, 'a', Object.assign(theirs as object, { theirs: 1 }));
    await save(store, 'a', Object.assign(mine as object, { mine: 1 }));
    await settle((done) => store.touch('a', { cookie: {} } as session.SessionData, done));
    expect(await read(store, 'a')).toMatchObject({ n: 1, mine: 1, theirs: 1 });
    expect(await settle<number>((done) => store.length(done))).toBe(1);
    await settle((done) => store.destroy('a', done));
    await settle((done) => store.clear(done));
    expect(store.stats.operations.touch.errors).toBe(0);
  });

  it('is one per worker, called session, and closed by lowering', async () => {
    const app = await lift({ routes: sessionRoutes, flotilla: { redis: server.url }, session: { secret: 's' } });
    await fetchJson(`${app.url}/login`);
    expect((await server.clientNames()).filter((name) => name.endsWith(':session'))).toHaveLength(1);
    await app.lower();
    await expect.poll(() => server.clientNames()).toEqual([]);
  });

  it('may be a client of the app, which stays open', async () => {
    const session = { secret: 's', adapter: 'sails-hook-flotilla/session', client };
    const app = await lift({ routes: sessionRoutes, session });
    const { cookie } = await fetchJson(`${app.url}/login`);
    expect(await client.exists(`sess:${sidOf(cookie)}`)).toBe(1);
    await app.lower();
    expect(await client.ping()).toBe('PONG');
  });

  it('a former adapter that is not installed any more is replaced, with its settings', async () => {
    const session = { secret: 's', adapter: '@sailshq/connect-redis', url: server.url, prefix: 'old:' };
    const app = await lift({ routes: sessionRoutes, session });
    const { cookie } = await fetchJson(`${app.url}/login`);
    expect(await client.exists(`old:${sidOf(cookie)}`)).toBe(1);
  });

  it('by name without Redis: the memory of the process', async () => {
    const app = await lift({ routes: sessionRoutes, session: { secret: 's', adapter: 'sails-hook-flotilla/session' } });
    const { cookie } = await fetchJson(`${app.url}/count`);
    expect((await fetchJson(`${app.url}/count`, { cookie })).body.count).toBe(2);
  });

  it('by name and without the hook: session.js makes a store that can be closed', async () => {
    const store = new (adapterByName(ours))({ url: server.url });
    await save(store, 'a', { n: 1, cookie: {} });
    expect(await client.exists('sess:a')).toBe(1);
    await store.close();
    expect(() => new (adapterByName(ours))()).toThrow(/FLOTILLA_REDIS_URL/);
  });
});
