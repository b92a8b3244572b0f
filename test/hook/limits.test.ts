import { get } from 'node:http';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { closeAll, connect, type Jwr, rawSocket } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';
import { RawWebsocket } from './support/raw-websocket.js';

afterEach(closeAll);
afterAll(lowerAll);

/** The value of a metric, of the series with this label where one is given. */
async function metric({ app }: Lifted, name: string, label?: Record<string, string>): Promise<number | undefined> {
  const readings = await app.hooks.sockets.readMetrics();
  const { values } = readings.find((reading: App) => reading.name === name);
  const [key, value] = Object.entries(label ?? {})[0] ?? [];
  return values.find((each: App) => key === undefined || each.labels[key] === value)?.value;
}

describe('virtual requests in flight', () => {
  const held: App[] = [];
  const routes = {
    'GET /held': (_req: App, res: App) => {
      held.push(res);
    },
    'GET /quick': (_req: App, res: App) => res.send('quick'),
  };
  const liftWith = (maxRequestsInFlight: number) =>
    lift({ log: { level: 'silent' }, flotilla: { maxRequestsInFlight }, routes });

  it('over the limit of their socket are answered 429 and counted, until others are answered', async () => {
    const server = await liftWith(2);
    const [client, other] = [await connect('client 4', server.url), await connect('client 4', server.url)];
    const first = client.request('get', '/held');
    const second = client.request('get', '/held');
    const refused: Jwr = await client.request('get', '/quick');
    expect(refused).toMatchObject({
      statusCode: 429,
      headers: { 'retry-after': '1' },
      body: { code: 'E_TOO_MANY_REQUESTS' },
    });
    expect(await metric(server, 'flotilla_virtual_requests_rejected_total', { reason: 'over-limit' })).toBe(1);
    expect((await other.request('get', '/quick')).body).toBe('quick');
    held.shift().send('late');
    expect((await first).body).toBe('late');
    expect((await client.request('get', '/quick')).body).toBe('quick');
    held.shift().send('later');
    expect((await second).body).toBe('later');
    expect(server.app.hooks.sockets.counters.refusedOverLimit).toBe(1);
  });

  it('that are never answered give up their place after 30 s, and can still be answered', async () => {
    const server = await liftWith(1);
    const client = await connect('client 4', server.url);
    const forgotten = client.request('get', '/held');
    await vi.waitFor(() => expect(held.length).toBe(1), { timeout: 20_000 });
    expect((await client.request('get', '/quick')).statusCode).toBe(429);
    const begun = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => begun + 30_001);
    try {
      expect((await client.request('get', '/quick')).body).toBe('quick');
    } finally {
      clock.mockRestore();
    }
    held.shift().send('after all');
    expect((await forgotten).body).toBe('after all');
    expect(await metric(server, 'flotilla_virtual_requests_in_flight')).toBe(0);
  });

  it('are not limited with 0', async () => {
    const server = await liftWith(0);
    const client = await connect('client 4', server.url);
    const answers = Array.from({ length: 300 }, () => client.request('get', '/held'));
    await vi.waitFor(() => expect(held.length).toBe(300), { timeout: 20_000 });
    for (const res of held.splice(0)) res.send('ok');
    expect((await Promise.all(answers)).every(({ statusCode }) => statusCode === 200)).toBe(true);
  });
});

describe('a slow consumer', () => {
  const KILOBYTES_64 = 'x'.repeat(65_536);
  const LIMIT = 1024 ** 2;

  /** A server, one client that stops reading and one that reads, both in a room, and what the server says of the first. */
  async function start(flotilla: Record<string, unknown> = { maxBufferedBytes: LIMIT }) {
    const server = await lift({ log: { level: 'silent' }, flotilla });
    const { io } = server.app;
    const ended: Array<{ reason: string; code: string | undefined }> = [];
    io.on('connection', (socket: App) => {
      socket.join('room');
      socket.on('disconnect', (reason: string, description: App) => ended.push({ reason, code: description?.code }));
    });
    const slow = await RawWebsocket.connect(server.port);
    const connection = Object.values(io.engine.clients)[0] as App;
    return { server, io, ended, slow, connection };
  }

  /** What the process holds for a connection, by what was written and not taken. */
  function buffered({ writeBuffer, transport }: App): number {
    const queued = writeBuffer.reduce((sum: number, { data }: App) => sum + (data?.length ?? 0), 0);
    return queued + transport.socket.bufferedAmount;
  }

  it('is disconnected with a reason when too much waits for it; the worker holds a bounded amount, and others get everything', async () => {
    const { server, io, ended, slow, connection } = await start();
    const reader = rawSocket(server.url);
    let got = 0;
    reader.on('news', () => {
      got += 1;
    });
    await new Promise((resolve) => reader.once('connect', () => resolve(undefined)));
    slow.stopReading();
    let sent = 0;
    let most = 0;
    while (ended.length === 0) {
      io.to('room').emit('news', KILOBYTES_64);
      sent += 1;
      most = Math.max(most, buffered(connection));
      await new Promise((resolve) => setImmediate(resolve));
      if (sent > 2_000) throw new Error(`nothing happened: ${buffered(connection)} bytes wait`);
    }
    expect(ended).toEqual([{ reason: 'transport error', code: 'E_SLOW_CONSUMER' }]);
    expect(most).toBeLessThan(2 * LIMIT + 4 * KILOBYTES_64.length);
    expect(connection.transport.socket._socket?.destroyed ?? true).toBe(true);
    await vi.waitFor(() => expect(got).toBe(sent), { timeout: 20_000 });
    expect(await metric(server, 'flotilla_connections_ended_total', { reason: 'slow-consumer' })).toBe(1);
    slow.readOn();
    await slow.closed();
    reader.close();
  });

  it('costs no more than the limit within one tick, however much is sent', async () => {
    const { io, ended, slow, connection } = await start();
    slow.stopReading();
    for (let index = 0; index < 500; index += 1) io.to('room').emit('news', KILOBYTES_64 + index);
    expect(connection.writeBuffer.length).toBeLessThan(30);
    await vi.waitFor(() => expect(ended.length).toBe(1), { timeout: 20_000 });
    slow.close();
  });

  it('is not one that gets a large answer and pings behind it', async () => {
    const { io, ended, slow, connection } = await start();
    slow.stopReading();
    io.to('room').emit('small', 1);
    io.to('room').emit('large', 'x'.repeat(8 * LIMIT));
    for (let index = 0; index < 100; index += 1) io.to('room').emit('small', index);
    slow.readOn();
    await vi.waitFor(() => expect(slow.received).toBeGreaterThan(8 * LIMIT), { timeout: 20_000 });
    await vi.waitFor(() => expect(connection.writeBuffer.length).toBe(0), { timeout: 20_000 });
    expect(ended).toEqual([]);
    slow.close();
  });

  it('is one that does not poll, too', async () => {
    const server = await lift({
      log: { level: 'silent' },
      sockets: { transports: ['polling'] },
      flotilla: { maxBufferedBytes: LIMIT },
    });
    const { io } = server.app;
    const url = `${server.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' });
    await vi.waitFor(() => expect(io.of('/').sockets.size).toBe(1), { timeout: 20_000 });
    const ended = new Promise((resolve) => {
      for (const socket of io.of('/').sockets.values()) {
        socket.on('disconnect', (_reason: string, description: App) => resolve(description?.code));
      }
    });
    for (let index = 0; index < 30; index += 1) io.emit('news', KILOBYTES_64);
    expect(await ended).toBe('E_SLOW_CONSUMER');
    expect(io.engine.clientsCount).toBe(0);
  });

  it('is kept with 0', async () => {
    const { io, ended, slow, connection } = await start({ maxBufferedBytes: 0 });
    slow.stopReading();
    for (let index = 0; index < 200; index += 1) io.to('room').emit('news', KILOBYTES_64);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toEqual([]);
    expect(buffered(connection)).toBeGreaterThan(5 * LIMIT);
    slow.close();
  });
});

describe('the age of a connection', () => {
  it('ends it when it is over, in the way that clients come back from, and not while a request is in flight', async () => {
    const held: App[] = [];
    const server = await lift({
      flotilla: { maxConnectionAgeMs: 1_000, drainHint: true },
      routes: {
        'GET /held': (_req: App, res: App) => {
          held.push(res);
        },
      },
    });
    const client = rawSocket(server.url, { reconnection: true });
    const reasons: string[] = [];
    const hints: unknown[] = [];
    client.on('disconnect', (reason) => reasons.push(reason));
    client.on('flotilla:drain', (hint) => hints.push(hint));
    await new Promise((resolve) => client.once('connect', () => resolve(undefined)));
    const first = client.id;
    const answer = new Promise<Jwr>((resolve) => client.emit('get', { method: 'get', url: '/held' }, resolve));
    await vi.waitFor(() => expect(held.length).toBe(1), { timeout: 20_000 });
    // a second client's end tells that this one's time is over, too
    const idle = rawSocket(server.url);
    await new Promise((resolve) => idle.once('connect', () => resolve(undefined)));
    await new Promise((resolve) => idle.once('disconnect', resolve));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(client.id).toBe(first);
    const back = new Promise((resolve) => client.once('connect', () => resolve(undefined)));
    held[0].send('in time');
    expect((await answer).body).toBe('in time');
    await back;
    expect(reasons).toEqual(['transport close']);
    expect(hints).toEqual([{ retryAfterMs: expect.any(Number) }]);
    expect(await metric(server, 'flotilla_connections_ended_total', { reason: 'max-age' })).toBe(2);
    client.close();
  });
});

describe('handshakes', () => {
  const poll = (url: string) =>
    new Promise<{ status: number | undefined; retryAfter: string | undefined; body: string }>((resolve, reject) => {
      get(`${url}/socket.io/?EIO=4&transport=polling`, { agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'], body }),
        );
      }).on('error', reject);
    });

  it('over the pace wait for their turn, and all come in', async () => {
    // Slow enough that even a machine under load sends them faster.
    const server = await lift({ flotilla: { handshakesPerSecond: 2 } });
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect('client 4', server.url)));
    expect(clients.length).toBe(10);
    expect(await metric(server, 'flotilla_handshakes_delayed_total')).toBeGreaterThan(0);
  });

  it('that would wait too long get 503 with Retry-After, over polling and websocket, and are counted', async () => {
    const server = await lift({
      log: { level: 'silent' },
      flotilla: { handshakesPerSecond: 1, handshakeWaitMs: 1_000 },
      sockets: { transports: ['polling', 'websocket'] },
    });
    const answers = await Promise.all(Array.from({ length: 6 }, () => poll(server.url)));
    const refused = answers.filter(({ status }) => status === 503);
    expect(answers.filter(({ status }) => status === 200).length).toBe(6 - refused.length);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.retryAfter).toMatch(/^[1-9]$/);
    expect(JSON.parse(refused[0]?.body ?? '')).toMatchObject({ code: 'E_TOO_MANY_HANDSHAKES' });
    const upgrades = await Promise.allSettled(Array.from({ length: 6 }, () => RawWebsocket.connect(server.port)));
    const ended = upgrades.filter(({ status }) => status === 'rejected').length;
    expect(ended).toBeGreaterThan(0);
    expect(await metric(server, 'flotilla_handshakes_refused_total', { reason: 'too-many' })).toBe(
      refused.length + ended,
    );
    for (const each of upgrades) if (each.status === 'fulfilled') each.value.close();
  });

  it('that wait when the app lowers are refused, and keep nothing open', async () => {
    const server = await lift({ log: { level: 'silent' }, flotilla: { handshakesPerSecond: 1 } });
    const waiting = Array.from({ length: 5 }, () =>
      RawWebsocket.connect(server.port).then(
        (client) => client.close(),
        () => undefined,
      ),
    );
    await vi.waitFor(() => expect(server.app.hooks.sockets.counters.handshakesDelayed).toBeGreaterThan(0), {
      timeout: 20_000,
    });
    await server.lower();
    await Promise.all(waiting);
  });
});

describe('a limit that can not be', () => {
  it.each([
    ['maxRequestsInFlight', 1.5],
    ['maxBufferedBytes', '1MB'],
    ['maxConnectionAgeMs', 10],
    ['handshakesPerSecond', -1],
    ['handshakeWaitMs', Number.NaN],
  ])('stops the lift: %s', async (name, value) => {
    await expect(lift({ log: { level: 'silent' }, flotilla: { [name]: value } })).rejects.toMatchObject({
      code: 'E_FLOTILLA_SETTING',
      message: expect.stringContaining(`sails.config.flotilla.${name}`),
    });
  });
});
