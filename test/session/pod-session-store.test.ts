import type session from 'express-session';
import { afterEach, describe, expect, it } from 'vitest';
import { createPodSessionAdapter } from '../../dist/session/pod-session-adapter';
import type { SessionStore, SessionStoreSettings } from '../../dist/session/session-adapter';
import { startPod, type TestPod } from './pod-sessions';
import { startSessionServer } from './session-server';
import { describeSessionStore, ours, read, save, settle } from './store-suite';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function newPod(options?: Parameters<typeof startPod>[0]): TestPod {
  const pod = startPod(options);
  cleanups.push(() => pod.service.close());
  return pod;
}

function newStore(pod: Pick<TestPod, 'call'>, settings: SessionStoreSettings = { touchEveryMs: 0 }): SessionStore {
  return new (createPodSessionAdapter(pod.call, settings)(ours))();
}

describeSessionStore('the pod store', async () => {
  const pod = startPod();
  return {
    newStore: (expressSession, settings) => new (createPodSessionAdapter(pod.call, settings)(expressSession))(),
    ttlMs: pod.ttlMs,
    stop: async () => pod.service.close(),
  };
});

describe('the pod store in particular', () => {
  it('an error of the store is an error of the request and no crash', async () => {
    const pod = newPod();
    let isDown = false;
    const call: TestPod['call'] = (method, args) =>
      isDown ? Promise.reject(Object.assign(new Error('down'), { code: 'E_HUB_UNAVAILABLE' })) : pod.call(method, args);
    const server = await startSessionServer(ours, { store: newStore({ call }) }, { '/start': () => 'fine' });
    cleanups.push(() => server.close());
    const { cookie } = await server.get('/start');
    isDown = true;
    expect(await server.get('/start', cookie)).toMatchObject({ status: 500, body: 'E_SESSION_UNAVAILABLE' });
    isDown = false;
    expect(await server.get('/start', cookie)).toMatchObject({ status: 200, body: 'fine' });
  });

  it('an answer that never comes is an error within the time limit', async () => {
    const store = newStore({ call: () => new Promise(() => undefined) }, { timeoutMs: 20 });
    await expect(read(store, 'a')).rejects.toMatchObject({ code: 'E_SESSION_UNAVAILABLE', status: 503 });
    await expect(save(store, 'a', { cookie: {} })).rejects.toThrow(/save.*no answer in 20 ms/);
    expect(store.stats.operations).toMatchObject({ get: { calls: 1, errors: 1 }, save: { calls: 1, errors: 1 } });
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

  it('gives what is too large to the callback, and keeps the stored state', async () => {
    const store = newStore(newPod({ maxBytes: 2_000 }));
    await save(store, 'a', { n: 1, cookie: {} });
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
    const store = newStore({ call });
    await save(store, 'a', { n: 1, cookie: {} });
    const mine = Object.assign((await read(store, 'a')) as object, { n: 2 });
    isDown = true;
    await expect(save(store, 'a', mine)).rejects.toThrow('down');
    isDown = false;
    await save(store, 'a', mine);
    expect(await read(store, 'a')).toMatchObject({ n: 2 });
  });
});

describe('time to live on the clock of the pod', () => {
  const HOUR = 60 * 60 * 1000;
  const cookieFor = (ms: number) => ({ originalMaxAge: ms, expires: new Date(Date.now() + ms) });

  it("follows the cookie's expiry, and a day for cookies that end with the browser", async () => {
    const pod = newPod();
    const store = newStore(pod);
    await save(store, 'hour', { user: 1, cookie: cookieFor(HOUR) });
    await save(store, 'day', { user: 1, cookie: { originalMaxAge: null, expires: null } });
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
    await save(store, 'a', { user: 1, cookie: cookieFor(HOUR) });
    pod.pass(HOUR / 2);
    await settle((done) => store.touch('a', { cookie: cookieFor(HOUR) } as session.SessionData, done));
    pod.pass(HOUR / 2 + 1_000);
    expect(await read(store, 'a')).not.toBeNull();
    pod.pass(HOUR / 2);
    expect(await read(store, 'a')).toBeNull();
  });

  it('a session saved with a cookie that is over is removed', async () => {
    const store = newStore(newPod());
    await save(store, 'a', { user: 1, cookie: cookieFor(HOUR) });
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
    for (let n = 0; n < 50; n++) await save(store, `s${n}`, { user: 1, cookie: cookieFor(HOUR) });
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
