import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../dist/client/index.js';
import { launchChromium } from '../example/chromium';
import { type App, type Lifted, lift, lowerAll } from '../hook/support/lift';

const BUNDLE = join(__dirname, '../../dist/client/sails.io.js');

let server: Lifted;
let held: App[] = [];
const clients: App[] = [];

beforeAll(async () => {
  server = await lift({
    sockets: { transports: ['polling', 'websocket'] },
    routes: {
      'GET /hello': (_req: App, res: App) => res.json({ hello: 'world' }),
      // Answers only when the test says so, and tells how often it was asked.
      'GET /held': (_req: App, res: App) => void held.push(res),
      'POST /held': (_req: App, res: App) => void held.push(res),
      'GET /page': (_req: App, res: App) =>
        res.send('<!doctype html><script src="/dependencies/sails.io.js"></script><p>a page</p>'),
      'GET /modules': (_req: App, res: App) => res.send('<!doctype html><p>a page</p>'),
    },
  });
});
afterEach(() => {
  // One that was cut comes back otherwise, during a later test.
  for (const io of clients.splice(0)) io.socket?._raw?.disconnect();
  held = [];
});
afterAll(lowerAll);

async function connected(settings: Record<string, unknown> = {}): Promise<App> {
  const io: App = createClient();
  clients.push(io);
  Object.assign(io.sails, { environment: 'production', url: server.url, transports: ['websocket'], ...settings });
  await new Promise((resolve) => io.socket.on('connect', resolve));
  return io;
}

const next = (io: App, event: string) => new Promise<App>((resolve) => io.socket.on(event, resolve));

/** Ends every connection of the server as a lost network does. */
function cutAll(): void {
  for (const connection of Object.values<App>(server.app.io.engine.clients)) connection.close(true);
}

async function heldRequests(count: number): Promise<void> {
  while (held.length < count) await new Promise((resolve) => setImmediate(resolve));
}

describe('the client', () => {
  it('comes back by itself, and sends what was asked meanwhile once', async () => {
    const io = await connected();
    const names: string[] = [];
    for (const name of ['disconnect', 'reconnecting', 'reconnect', 'connect'])
      io.socket.on(name, () => names.push(name));
    const back = next(io, 'connect');
    const gone = next(io, 'disconnect');
    cutAll();
    await gone;
    const answers: unknown[] = [];
    const answered = new Promise((resolve) =>
      io.socket.get('/hello', (body: unknown) => {
        answers.push(body);
        resolve(body);
      }),
    );
    await back;
    await answered;
    expect(answers).toEqual([{ hello: 'world' }]);
    expect(names).toEqual(['disconnect', 'reconnecting', 'reconnect', 'connect']);
    expect(io.socket.isConnected()).toBe(true);
  });

  it('collects no listeners from reconnect to reconnect', async () => {
    const io = await connected();
    const cut = async () => {
      const back = next(io, 'connect');
      cutAll();
      await back;
    };
    await cut();
    const before = io.socket._raw.listeners('connect').length;
    await cut();
    await cut();
    // those of `next` above
    expect(io.socket._raw.listeners('connect').length - before).toBe(2);
  });

  it('answers a request whose connection was cut with an error and status 0', async () => {
    const io = await connected();
    const answered = new Promise<App[]>((resolve) => io.socket.get('/held', (...answer: App[]) => resolve(answer)));
    await heldRequests(1);
    cutAll();
    const [body, jwr] = await answered;
    expect(body).toBeInstanceOf(Error);
    expect(jwr).toMatchObject({ statusCode: 0, error: body });
  });

  it('sends such a request again where its method may be, and no other', async () => {
    const io = await connected({ retryRequests: ['get'] });
    const get = new Promise<App[]>((resolve) => io.socket.get('/held', (...answer: App[]) => resolve(answer)));
    const post = new Promise<App[]>((resolve) => io.socket.post('/held', (...answer: App[]) => resolve(answer)));
    await heldRequests(2);
    held = [];
    cutAll();
    expect((await post)[1].statusCode).toBe(0);
    await heldRequests(1);
    held[0].json({ again: true });
    expect(await get).toMatchObject([{ again: true }, { statusCode: 200 }]);
  });

  it('sends it again three times at most, one that has waited for a connection, too', async () => {
    const io = await connected({ retryRequests: ['get'], reconnectionDelay: 20 });
    const gone = next(io, 'disconnect');
    cutAll();
    await gone;
    let answer: App[] | undefined;
    io.socket.get('/held', (...args: App[]) => {
      answer = args;
    });
    for (let asked = 0; !answer && asked <= 10; ) {
      if (held.length > asked) {
        asked = held.length;
        cutAll();
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(held.length).toBe(4);
    expect(answer?.[1]).toMatchObject({ statusCode: 0 });
  });

  it('gives up a request that may be repeated when the app itself disconnects', async () => {
    const io = await connected({ retryRequests: ['get'] });
    const answered = new Promise<App[]>((resolve) => io.socket.get('/held', (...answer: App[]) => resolve(answer)));
    await heldRequests(1);
    io.socket.disconnect();
    expect((await answered)[1].statusCode).toBe(0);
  });

  it('on the hint of a draining server, comes back when it says and not after its usual wait', async () => {
    const io = await connected({ reconnectionDelay: 600_000, reconnectionDelayMax: 600_000, randomizationFactor: 0 });
    const back = next(io, 'connect');
    for (const socket of server.app.io.sockets.sockets.values()) socket.emit('flotilla:drain', { retryAfterMs: 20 });
    await next(io, 'flotilla:drain');
    cutAll();
    await back;
    expect(io.socket._raw.io.reconnectionDelay()).toBe(600_000);
  });

  it('reconnect() leaves no second connection behind', async () => {
    const io = await connected({ reconnectionDelay: 600_000, randomizationFactor: 0 });
    const { engine } = server.app.io;
    await expect.poll(() => engine.clientsCount, { timeout: 20_000 }).toBe(1);
    const gone = next(io, 'disconnect');
    cutAll();
    await gone;
    io.socket.reconnect();
    while (!io.socket.isConnected()) await new Promise((resolve) => setImmediate(resolve));
    expect(engine.clientsCount).toBe(1);
  });

  it('is at most 22 kB compressed; sails.io.js is 37', () => {
    expect(gzipSync(readFileSync(BUNDLE)).length).toBeLessThan(22_000);
  });
});

describe('the client in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  it('works from the script tag that Sails apps have, served by the hook', async () => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/page`);
    const look: App = await page.evaluate(`new Promise((resolve) => io.socket.get('/hello', (body, jwr) =>
      resolve({ body, status: jwr.statusCode, platform: io.sails.sdk.platform, query: io.socket.query, recovered: io.socket.recovered })))`);
    expect(look).toMatchObject({ body: { hello: 'world' }, status: 200, platform: 'browser', recovered: false });
    expect(look.query).toContain('__sails_io_sdk_platform=browser');
    await page.close();
  });

  it('works as an ES module', async () => {
    const page = await browser.newPage();
    await page.route('**/sails.io.mjs', (route) =>
      route.fulfill({ contentType: 'text/javascript', path: BUNDLE.replace(/js$/, 'mjs') }),
    );
    await page.goto(`${server.url}/modules`);
    const body = await page.evaluate(`import('/sails.io.mjs').then(({ createClient }) => {
      const io = createClient();
      return new Promise((resolve) => io.socket.get('/hello', resolve));
    })`);
    expect(body).toEqual({ hello: 'world' });
    await page.close();
  });
});

describe('GET /dependencies/sails.io.js', () => {
  it('is the client, and a file of the app comes before it', async () => {
    const served = await fetch(`${server.url}/dependencies/sails.io.js`);
    expect(served.headers.get('content-type')).toMatch(/javascript/);
    expect(await served.text()).toBe(readFileSync(BUNDLE, 'utf8'));

    const own = await lift({ paths: {} }, { '.tmp/public/dependencies/sails.io.js': 'its own' });
    expect(await (await fetch(`${own.url}/dependencies/sails.io.js`)).text()).toBe('its own');
  });

  it('is not served where sails.config.flotilla.serveClient is false', async () => {
    const { url } = await lift({ flotilla: { serveClient: false } });
    expect((await fetch(`${url}/dependencies/sails.io.js`)).status).toBe(404);
  });
});
