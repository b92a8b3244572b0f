import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchChromium } from './chromium';
import { type ExampleApp, startExampleApp } from './example-app';
import {
  isLive,
  isSo,
  listen,
  openTab,
  openTabElsewhere,
  shownCount,
  showsCount,
  showsWorkers,
  stopTalking,
  talk,
  type WhoAmI,
  whoAmI,
} from './tab';

const WORKERS = 3;

let app: ExampleApp;
let browser: Browser;

beforeAll(async () => {
  [app, browser] = await Promise.all([startExampleApp(WORKERS), launchChromium()]);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await app?.stop();
});

describe('the live counter in a real browser, on three workers', () => {
  let context: BrowserContext;
  let here: Page;
  let there: Page;
  let hereOn: WhoAmI;
  let thereOn: WhoAmI;
  const complaints: string[] = [];

  beforeEach(async () => {
    complaints.length = 0;
    context = await browser.newContext();
    // Shorter than a test may take, so that a failure names the step.
    context.setDefaultTimeout(20_000);
    context.on('weberror', (error) => complaints.push(error.error().message));
    context.on('request', (request) => {
      if (!request.url().startsWith(app.url)) complaints.push(`a request to the outside: ${request.url()}`);
    });
    here = await openTab(context, app.url);
    hereOn = await whoAmI(here);
    there = await openTabElsewhere(context, app.url, [hereOn]);
    thereOn = await whoAmI(there);
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  async function logIn(tab: Page, name: string): Promise<void> {
    await tab.fill('#login-name', name);
    await tab.click('#login button');
    await tab.waitForSelector('#me:not([hidden])');
  }

  it('shows a press in one tab at once in a tab on another worker', async () => {
    const before = await shownCount(there);

    await here.click('#increment');
    await showsCount(there, before + 1);
    await showsCount(here, before + 1);
    expect(await there.textContent('#route-from')).toBe(`worker ${hereOn.worker}`);
    expect(await there.textContent('#route-to')).toBe(`worker ${thereOn.worker}`);

    await there.click('#increment');
    await showsCount(here, before + 2);
  });

  it('tells the worker and pod of the tab, and lists every worker', async () => {
    await showsWorkers(here, WORKERS);
    expect(await here.textContent('#seat-worker')).toBe(`worker ${hereOn.worker}`);
    expect(await here.textContent('#seat-pod')).toBe('test-pod');
    expect(await here.getAttribute('.worker.here', 'data-pid')).toBe(String(hereOn.pid));

    // Both tabs are counted, which each hears by itself.
    for (const { worker } of [hereOn, thereOn]) {
      await here.locator(`[data-worker="${worker}"] .worker-sockets`, { hasText: /^[1-9]/ }).waitFor();
    }
  });

  it('logs in over HTTP, and the sockets of both tabs see the session', async () => {
    expect((await whoAmI(here)).user).toBeNull();

    await logIn(here, 'Grace');
    expect(await whoAmI(here)).toMatchObject({ transport: 'socket', user: { displayName: 'Grace' } });
    expect(await whoAmI(there)).toMatchObject({ transport: 'socket', user: { displayName: 'Grace' } });
    await there.waitForSelector('#me:not([hidden])');

    await there.click('#logout');
    await there.waitForSelector('#login:not([hidden])');
    expect((await whoAmI(here)).user).toBeNull();
  });

  it('asks for a login before one may chat', async () => {
    expect(await here.isDisabled('#say-text')).toBe(true);
    const status = await here.evaluate(
      `new Promise((resolve) => io.socket.post('/api/chat/messages', { text: 'hi' }, (_, jwr) => resolve(jwr.statusCode)))`,
    );
    expect(status).toBe(401);
  });

  it('carries chat to the other worker, as text and not as markup', async () => {
    await logIn(here, 'Ada');
    const text = `<img src="/nowhere.png"> to worker ${thereOn.worker}`;
    await here.fill('#say-text', text);
    await here.click('#say button');

    const message = there.locator('#messages li').last();
    await message.locator('.text', { hasText: text }).waitFor();
    expect(await message.locator('.by b').textContent()).toBe('Ada');
    expect(await there.locator('#messages img').count()).toBe(0);

    await there.reload();
    await isLive(there);
    expect(await there.locator('#messages li .text').last().textContent()).toBe(text);
  });

  it('carries what changes about a user to the other worker by Resourceful PubSub', async () => {
    await logIn(here, 'Margaret');
    const row = there.locator('#users li', { hasText: 'Margaret' });
    // The list there is of before the login: it heard that there is a new record.
    await row.waitFor();

    await here.check('#me-status [value="busy"]', { force: true });
    await there.locator('#users li.status-busy', { hasText: 'Margaret' }).waitFor();

    await here.fill('#me-name', 'Margaret H.');
    await here.click('#me button');
    await there.locator('#users li', { hasText: 'Margaret H.' }).waitFor();
  });

  it('recovers by itself when its worker is killed, stays logged in and still counts', async () => {
    await logIn(there, 'Katherine');
    await there.evaluate(`
      window.lost = new Promise((resolve) => {
        io.socket.on('disconnect', () => resolve({
          state: document.documentElement.dataset.connection,
          mayPress: !document.querySelector('#increment').disabled,
        }));
      });
      undefined; // or this call would wait for the promise
    `);

    process.kill(thereOn.pid, 'SIGKILL');
    expect(await there.evaluate('window.lost')).toEqual({ state: 'reconnecting', mayPress: false });

    // Counted while this tab hears nothing.
    const before = await shownCount(here);
    await here.click('#increment');
    await showsCount(here, before + 1);

    await isLive(there);
    await showsCount(there, before + 1);
    const now = await whoAmI(there);
    expect(now.pid).not.toBe(thereOn.pid);
    expect(now.user?.displayName).toBe('Katherine');

    await here.click('#increment');
    await showsCount(there, before + 2);
    await there.click('#increment');
    await showsCount(here, before + 3);

    // The dead worker leaves the list, and another takes its place.
    await here.locator(`.worker[data-pid="${thereOn.pid}"]`).waitFor({ state: 'detached' });
    await showsWorkers(here, WORKERS);
  });

  it('misses no event while its worker is killed again and again: each comes once, in order', async () => {
    await logIn(here, 'Grace');
    await listen(there);
    // It waits for each answer: its worker stays.
    await talk(here, 'number');
    // Until the tab has come to the worker of the one that talks; at first they are apart.
    for (let kill = 1; kill <= 3; kill++) {
      const { pid } = await whoAmI(there);
      if (pid === hereOn.pid) break;
      const before = await here.evaluate<number>('said.length');
      process.kill(pid, 'SIGKILL');
      await isSo(there, `returns.length === ${kill}`);
      await isSo(here, `said.length >= ${before + 10}`);
    }
    expect(await there.evaluate('returns.length')).toBeGreaterThan(0);
    const said = await stopTalking(here);
    await isSo(there, `heard.at(-1) === ${JSON.stringify(said.at(-1))}`);
    expect(await there.evaluate('heard')).toEqual(said);
  });
});
