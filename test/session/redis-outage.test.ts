import { request as httpRequest } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, closeAll, connect, rawSocket } from '../hook/support/clients.js';
import { fetchJson } from '../hook/support/http.js';
import { type App, type Lifted, lift, lowerAll } from '../hook/support/lift.js';
import { RedisProxy } from '../support/redis-proxy';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { sessionRoutes } from './sails-suite';

const TIMEOUT_MS = 600;
/** Much more than the limit: a loaded machine is slow, and what hangs takes far longer. */
const BOUND_MS = 5_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  closeAll();
  await lowerAll();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function liftOn(url: string): Promise<Lifted> {
  return lift({
    routes: sessionRoutes,
    log: { level: 'silent' },
    sockets: { transports: ['polling', 'websocket'] },
    flotilla: { redis: url, sessionTimeoutMs: TIMEOUT_MS },
    session: { secret: 'shared' },
  });
}

async function startRedis(): Promise<RedisServer> {
  const redis = await RedisServer.start();
  cleanups.push(() => redis.stop());
  return redis;
}

/** The status of an HTTP request, and of a virtual one. */
async function statuses(
  server: Lifted,
  client: Client,
  cookie: string,
  url = '/look',
): Promise<(number | undefined)[]> {
  const [http, virtual] = await Promise.all([
    fetch(server.url + url, { headers: { cookie }, method: url === '/look' ? 'GET' : 'POST' }),
    client.request(url === '/look' ? 'get' : 'post', url, { key: 'k' }),
  ]);
  await http.arrayBuffer();
  return [http.status, virtual.statusCode];
}

/** The status that a handshake is answered with. */
function handshakeStatus(
  server: Lifted,
  transport: 'polling' | 'websocket',
  cookie: string,
): Promise<number | undefined> {
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${server.url}/socket.io/?EIO=4&transport=${transport}`,
      { headers: { cookie, ...(transport === 'websocket' ? upgrade : {}) } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    request.on('error', reject);
    request.end();
  });
}

async function bounded<T>(work: Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work;
  expect(performance.now() - begun).toBeLessThan(BOUND_MS);
  return result;
}

/** Settles when sessions are there again. */
async function healed(server: Lifted, client: Client, cookie: string): Promise<void> {
  await expect.poll(() => statuses(server, client, cookie), { timeout: 15_000, interval: 50 }).toEqual([200, 200]);
}

describe('Redis away', () => {
  it.each([
    ['stopped and restarted', (redis: RedisServer) => redis.kill(), (redis: RedisServer) => redis.restart()],
    ['that does not answer', async (redis: RedisServer) => redis.pause(), async (redis: RedisServer) => redis.resume()],
  ])('%s: 503 in time for requests and handshakes; healed without a restart', async (_what, stop, start) => {
    const redis = await startRedis();
    const server = await liftOn(redis.url);
    const { cookie } = await fetchJson(`${server.url}/login`);
    const client = await connect('client 4', server.url, { headers: { cookie } });
    expect(await statuses(server, client, cookie)).toEqual([200, 200]);

    await stop(redis);
    expect(await bounded(statuses(server, client, cookie))).toEqual([503, 503]);
    const answers = await bounded(fetch(`${server.url}/look`, { headers: { cookie } }));
    expect(answers.headers.get('retry-after')).toBe('1');
    expect(await answers.json()).toMatchObject({ code: 'E_SESSION_UNAVAILABLE' });
    expect((await bounded(client.request('get', '/look'))).body).toMatchObject({ code: 'E_SESSION_UNAVAILABLE' });
    for (const transport of ['polling', 'websocket'] as const) {
      expect(await bounded(handshakeStatus(server, transport, cookie))).toBe(503);
    }
    // Who needs no session is served.
    expect((await bounded(fetch(`${server.url}/asset.js`))).status).toBe(200);

    // A client that was refused comes by itself.
    const patient = rawSocket(server.url, { headers: { cookie }, reconnection: true });
    cleanups.push(() => patient.close());
    await new Promise((resolve) => patient.io.once('reconnect_attempt', resolve));
    const connected = new Promise((resolve) => patient.once('connect', () => resolve(undefined)));
    await start(redis);
    await connected;
    await healed(server, client, cookie);
  });

  it('half-open: a connection that passes no byte is noticed and replaced', async () => {
    const redis = await startRedis();
    const proxy = await RedisProxy.start({ host: '127.0.0.1', port: redis.port });
    cleanups.push(() => proxy.stop());
    const server = await liftOn(`redis://127.0.0.1:${proxy.port}`);
    const { cookie } = await fetchJson(`${server.url}/login`);
    const client = await connect('client 4', server.url, { headers: { cookie } });
    proxy.freeze({ newConnections: 'forwarded' });
    expect(await bounded(statuses(server, client, cookie))).toEqual([503, 503]);
    await healed(server, client, cookie);
  });

  it('CLIENT KILL TYPE normal: every request is answered, and the session is kept', async () => {
    const redis = await startRedis();
    const server = await liftOn(redis.url);
    const { cookie } = await fetchJson(`${server.url}/login`);
    const client = await connect('client 4', server.url, { headers: { cookie } });
    for (let round = 0; round < 5; round += 1) {
      const asked = Array.from({ length: 10 }, (_, n) =>
        bounded(client.request('post', '/put', { key: `key${round}-${n}` })),
      );
      await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
      for (const answer of await Promise.all(asked)) expect([200, 503]).toContain(answer.statusCode);
      await healed(server, client, cookie);
    }
    expect((await client.request('get', '/look')).body).toMatchObject({ fields: { user: 'ada' } });
  });

  it('read-only: sessions are read, what would be lost is a 503, and writing goes on when it may', async () => {
    const redis = await startRedis();
    const server = await liftOn(redis.url);
    const { cookie } = await fetchJson(`${server.url}/login`);
    const client = await connect('client 4', server.url, { headers: { cookie } });
    // A worker that has not renewed the session yet: that it cannot is no reason to refuse the request.
    const other = await liftOn(redis.url);
    const otherClient = await connect('client 4', other.url, { headers: { cookie } });
    await redis.cli('REPLICAOF', '127.0.0.1', '1');
    expect((await otherClient.request('get', '/nothing')).statusCode).toBe(200);
    expect((await client.request('get', '/nothing')).statusCode).toBe(200);
    expect((await bounded(client.request('post', '/put', { key: 'k' }))).statusCode).toBe(503);
    await redis.cli('REPLICAOF', 'NO', 'ONE');
    await expect
      .poll(async () => (await client.request('post', '/put', { key: 'k' })).statusCode, { timeout: 10_000 })
      .toBe(200);
    expect((await client.request('get', '/look')).body).toMatchObject({ fields: { user: 'ada', k: true } });
  });

  it('lifting without it: requests get 503 until it comes', async () => {
    const redis = await startRedis();
    await redis.kill();
    const server = await liftOn(redis.url);
    const sid = server.app.session.generateNewSidCookie() as string;
    expect((await bounded(fetch(`${server.url}/look`, { headers: { cookie: sid } }))).status).toBe(503);
    await redis.restart();
    await expect
      .poll(async () => (await fetch(`${server.url}/look`, { headers: { cookie: sid } })).status, { timeout: 10_000 })
      .toBe(200);
  });
});

describe('a failover of Sentinels under traffic', () => {
  it('every request is answered in time, and the session is kept', async () => {
    const sentinel = await RedisSentinel.start();
    cleanups.push(() => sentinel.stop());
    const server = await liftOn(sentinel.url);
    const { cookie } = await fetchJson(`${server.url}/login`);
    const client = await connect('client 4', server.url, { headers: { cookie } });
    // What was written is on the replica before the master goes.
    await (await sentinel.master()).cli('WAIT', '1', '5000');

    const codes = new Set<number | undefined>();
    let over = false;
    const traffic = (async () => {
      for (let n = 0; !over; n += 1) {
        const answer = await bounded(
          client.request(n % 2 ? 'get' : 'post', n % 2 ? '/look' : '/put', { key: `k${n}` }),
        );
        codes.add(answer.statusCode);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    await sentinel.failover();
    await healed(server, client, cookie);
    over = true;
    await traffic;
    expect([...codes].filter((code) => code !== 200 && code !== 503)).toEqual([]);
    const { body } = (await client.request('get', '/look')) as App;
    expect(body.fields.user).toBe('ada');
    expect(await statuses(server, client, cookie, '/put')).toEqual([200, 200]);
  });
});
