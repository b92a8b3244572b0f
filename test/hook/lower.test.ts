import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { closeAll, connect, rawSocket } from './support/clients.js';
import { type App, lift, lowerAll } from './support/lift.js';

afterEach(closeAll);
afterAll(lowerAll);

describe('sails.lower()', () => {
  it('C22: clients are cut so that they come back, and afterDisconnect is awaited', async () => {
    const farewell = vi.fn();
    const { app, url, lower } = await lift({
      sockets: {
        transports: ['polling', 'websocket'],
        afterDisconnect(_session: App, socket: App, done: App) {
          setTimeout(() => {
            farewell(socket.id);
            done();
          }, 30);
        },
      },
    });
    const sockets = [rawSocket(url), rawSocket(url, { transports: ['polling'], upgrade: false })];
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('connect', () => resolve(undefined)))),
    );
    const ids = [...app.io.sockets.sockets.keys()].sort();
    const reasons = sockets.map((socket) => once(socket as App, 'disconnect'));
    await lower();
    expect(farewell.mock.calls.flat().sort()).toEqual(ids);
    for (const [reason] of await Promise.all(reasons)) expect(['transport close', 'transport error']).toContain(reason);
  });

  it('waits for requests in flight, and answers new ones with 503', async () => {
    let release: () => void = () => undefined;
    const { app, url, lower } = await lift({
      routes: {
        'GET /slow': (_req: App, res: App) => {
          release = () => res.send('done');
        },
        'GET /fast': (_req: App, res: App) => res.send('fast'),
      },
    });
    const client = await connect('client 4', url);
    const slow = client.request('get', '/slow');
    await vi.waitFor(() => expect(app.hooks.sockets.counters.requests).toBe(1), { timeout: 20_000 });
    const lowering = lower();
    const refused = await client.request('get', '/fast');
    expect(refused).toMatchObject({ statusCode: 503, body: { code: 'E_LOWERING' }, headers: { 'retry-after': '1' } });
    await expect(connect('client 4', url)).rejects.toThrow();
    release();
    expect((await slow).body).toBe('done');
    await lowering;
  });

  it('does not wait for ever', async () => {
    const { url, lower } = await lift({
      flotilla: { lowerTimeoutMs: 50 },
      sockets: { afterDisconnect: (_session: App, _socket: App, _done: App) => undefined },
      routes: { 'GET /never': () => undefined },
    });
    const client = await connect('client 4', url);
    void client.request('get', '/never');
    await client.request('get', '/nowhere');
    await lower();
  });

  it("runs the app's own beforeShutdown first", async () => {
    const order: string[] = [];
    const { app, url, lower } = await lift({
      beforeShutdown: (done: App) => {
        order.push(`shutdown with ${app.io.engine.clientsCount}`);
        done();
      },
      sockets: {
        afterDisconnect: (_session: App, _socket: App, done: App) => {
          order.push('disconnect');
          done();
        },
      },
    });
    await connect('client 4', url);
    await lower();
    expect(order).toEqual(['shutdown with 1', 'disconnect']);
  });

  it('after a failed lift', async () => {
    await expect(
      lift({
        log: { level: 'silent' },
        bootstrap: (done: App) => done(new Error('bootstrap failed')),
      }),
    ).rejects.toThrow('bootstrap failed');
  });

  it('20 rounds of lift and lower leave no listener, timer or handle', async () => {
    const watched = [
      'SIGTERM',
      'SIGINT',
      'SIGUSR2',
      'exit',
      'message',
      'disconnect',
      'unhandledRejection',
      'uncaughtException',
    ];
    const count = () => watched.map((event) => process.listenerCount(event));
    const round = async () => {
      const { url, lower } = await lift();
      const client = await connect('client 4', url);
      await client.request('get', '/nowhere');
      client.close();
      await lower();
    };
    const open = () => process.getActiveResourcesInfo().sort();
    await round();
    const before = { listeners: count(), resources: open() };
    const warnings = vi.fn();
    process.on('warning', warnings);
    for (let i = 0; i < 20; i += 1) await round();
    expect(count()).toEqual(before.listeners);
    await vi.waitFor(() => expect(open().length).toBeLessThanOrEqual(before.resources.length), { timeout: 20_000 });
    expect(warnings).not.toHaveBeenCalled();
    process.off('warning', warnings);
  });

  it('C22: the process ends by itself, with a websocket and a polling client connected', async () => {
    const child = spawn(process.execPath, [join(__dirname, 'support/lower-and-exit.cjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const [port] = await once(child.stdout.setEncoding('utf8'), 'data');
    const url = `http://127.0.0.1:${String(port).trim()}`;
    const sockets = [rawSocket(url), rawSocket(url, { transports: ['polling'], upgrade: false })];
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('connect', () => resolve(undefined)))),
    );
    const began = Date.now();
    child.stdin.end('lower\n');
    const [code] = await exited;
    expect(code).toBe(0);
    // Two seconds are meant; a busy machine gets more, and a process that something keeps alive would never end.
    expect(Date.now() - began).toBeLessThan(10_000);
    for (const socket of sockets) socket.close();
  });
});
