import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../example/chromium';
import { connected, scatteringClient, virtual } from '../launcher/support/clients';
import { type OpsPod, startOpsPod } from './support/ops-pod';

describe('the page of the ops server', () => {
  let pod: OpsPod;
  let browser: Browser;
  let context: BrowserContext | undefined;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    [pod, browser] = await Promise.all([
      startOpsPod({ workers: 2, args: ['--pod-name', 'harbour <b>'] }),
      launchChromium(),
    ]);
    for (let index = 0; index < 4; index++) {
      const socket = scatteringClient(pod.url, { transports: ['websocket'] });
      sockets.push(socket);
      await connected(socket);
      await virtual(socket, 'post', '/room');
    }
  });
  afterEach(() => context?.close());
  afterAll(async () => {
    for (const socket of sockets) socket.disconnect();
    await browser?.close();
    await pod?.stop();
  });

  /** Opens the page; what it complains of, and whom it asks beside its own server, is gathered. */
  const open = async (options: Parameters<Browser['newContext']>[0] = {}, hash = '') => {
    context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    const foreign: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(pod.ops)) foreign.push(request.url());
    });
    await page.goto(`${pod.ops}/${hash}`);
    await page.waitForSelector('html[data-state="live"]');
    return { page, complaints, foreign };
  };
  const openRoom = async (page: Page) => {
    await page.locator('#rooms button', { hasText: 'crowd' }).click();
    await page.locator('.sockets li').first().waitFor();
  };

  it('shows pod, workers, rooms and what was measured, and asks nobody else', async () => {
    const { page, complaints, foreign } = await open();
    // a name is text, whatever is in it
    await page.locator('#pod-name', { hasText: 'harbour <b>' }).waitFor();
    await page.locator('#status', { hasText: /^ready/ }).waitFor();
    expect(await page.locator('#workers tbody tr').count()).toBe(2);
    await page.locator('#plots figure', { hasText: 'Sockets' }).locator('output', { hasText: /^4$/ }).waitFor();
    await page.locator('#plots path.line[d]').first().waitFor({ state: 'attached' });
    await page.locator('#rooms li', { hasText: 'crowd' }).locator('b', { hasText: /^4$/ }).waitFor();
    await page.locator('#pods tbody tr', { hasText: 'this one' }).waitFor();
    await page.locator('#journal li', { hasText: 'worker 2 is ready' }).waitFor();
    expect([complaints, foreign]).toEqual([[], []]);
  });

  it('follows what happens: a client that goes', async () => {
    const { page } = await open();
    const leaver = scatteringClient(pod.url, { transports: ['websocket'] });
    await connected(leaver);
    await virtual(leaver, 'post', '/room');
    const size = page.locator('#rooms li', { hasText: 'crowd' }).locator('b');
    await size.filter({ hasText: /^5$/ }).waitFor();
    leaver.disconnect();
    await size.filter({ hasText: /^4$/ }).waitFor();
  });

  it('a socket is looked at, and disconnected with the token only', async () => {
    const { page } = await open();
    const [victim] = sockets.splice(0, 1) as [Socket];
    const gone = new Promise((resolve) => victim.once('disconnect', resolve));
    await openRoom(page);
    await page.locator('.sockets button', { hasText: victim.id }).click();
    await page.locator('#detail dd', { hasText: 'crowd' }).waitFor();
    await page.locator('#detail button', { hasText: 'Disconnect' }).click();
    await page.fill('#token', 'not the token');
    await page.locator('#token-form button', { hasText: 'Go on' }).click();
    await page.locator('#token-trouble', { hasText: 'not the token' }).waitFor();
    expect(victim.connected).toBe(true);
    await page.fill('#token', pod.token);
    await page.locator('#token-form button', { hasText: 'Go on' }).click();
    await page.locator('#detail [role="status"]', { hasText: 'It is disconnected.' }).waitFor();
    expect(await gone).toBe('io server disconnect');
  });

  it('giving up at the token does nothing', async () => {
    const { page } = await open();
    await openRoom(page);
    await page.locator('.sockets button').first().click();
    await page.locator('#detail button', { hasText: 'Disconnect' }).click();
    await page.click('#token-cancel');
    await page.locator('#detail [role="status"]', { hasText: 'Nothing was done' }).waitFor();
    expect(sockets.every((socket) => socket.connected)).toBe(true);
  });

  it('a link may bring the token, which leaves the address bar at once', async () => {
    const { page } = await open({}, `#token=${pod.token}`);
    expect(page.url()).toBe(`${pod.ops}/`);
    const [victim] = sockets.splice(0, 1) as [Socket];
    const gone = new Promise((resolve) => victim.once('disconnect', resolve));
    await page.fill('#socket-id', victim.id as string);
    await page.locator('#find-socket button').click();
    await page.locator('#detail button', { hasText: 'Disconnect' }).click();
    await gone;
  });

  it('an id that nobody has', async () => {
    const { page } = await open();
    await page.fill('#socket-id', 'nobody');
    await page.locator('#find-socket button').click();
    await page.locator('#detail [role="alert"]', { hasText: 'No socket of this pod has the id nobody.' }).waitFor();
  });

  it.each(['light', 'dark'] as const)('fits a phone, %s', async (colorScheme) => {
    const { page } = await open({ viewport: { width: 360, height: 740 }, colorScheme });
    const measure = 'document.documentElement.scrollWidth <= window.innerWidth';
    expect(await page.evaluate(measure)).toBe(true);
    await openRoom(page);
    await page.locator('.sockets button').first().click();
    await page.locator('#detail dl').waitFor();
    expect(await page.evaluate(measure)).toBe(true);
    const brightness = await page.evaluate<number>(
      `Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number))`,
    );
    if (colorScheme === 'dark') expect(brightness).toBeLessThan(60);
    else expect(brightness).toBeGreaterThan(200);
  });

  it('says so when the pod is gone', async () => {
    const other = await startOpsPod({ workers: 1 });
    context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(other.ops);
    await page.waitForSelector('html[data-state="live"]');
    await other.stop();
    await page.locator('#trouble', { hasText: 'does not answer' }).waitFor();
  });
});
