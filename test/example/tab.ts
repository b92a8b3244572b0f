import type { BrowserContext, Page } from 'playwright-core';

/** What `GET /api/whoami` answers. */
export interface WhoAmI {
  pod: string;
  worker: number;
  pid: number;
  transport: 'socket' | 'http';
  user: { id: number; name: string; displayName: string; status: string } | null;
}

/** Opens the page and waits until it is subscribed to everything it shows. */
export async function openTab(context: BrowserContext, url: string): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(url);
  await isLive(tab);
  return tab;
}

/** Settles when the page is connected and up to date. */
export async function isLive(tab: Page): Promise<void> {
  await tab.waitForSelector('html[data-connection="live"]');
}

/** Settles when a condition holds in the page. Playwright's own `waitForFunction` needs `eval`, which the page does not allow. */
export function isSo(tab: Page, condition: string): Promise<void> {
  return tab.evaluate(`new Promise((resolve) => {
    const look = () => ((${condition}) ? resolve() : setTimeout(look, 20));
    look();
  })`);
}

/** Asks over this tab's own socket who serves it. */
export function whoAmI(tab: Page): Promise<WhoAmI> {
  return tab.evaluate<WhoAmI>(`new Promise((resolve) => io.socket.get('/api/whoami', resolve))`);
}

const ATTEMPTS = 30;

/** Opens tabs until one is served by another process than the given ones. */
export async function openTabElsewhere(context: BrowserContext, url: string, taken: WhoAmI[]): Promise<Page> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const tab = await openTab(context, url);
    const { pid } = await whoAmI(tab);
    if (!taken.some((other) => other.pid === pid)) return tab;
    await tab.close();
  }
  throw new Error(`${ATTEMPTS} tabs were all served by pid ${taken.map(({ pid }) => pid).join(' or ')}`);
}

/** The count that the page shows. */
export async function shownCount(tab: Page): Promise<number> {
  return Number(await tab.textContent('#count'));
}

/** Settles when the page shows this count. */
export async function showsCount(tab: Page, count: number): Promise<void> {
  await tab.locator('#count', { hasText: new RegExp(`^${count}$`) }).waitFor();
}

/** Settles when the page lists exactly so many workers. */
export async function showsWorkers(tab: Page, workers: number): Promise<void> {
  const tiles = tab.locator('.worker');
  await tiles.nth(workers - 1).waitFor();
  await tiles.nth(workers).waitFor({ state: 'detached' });
}

/** Has the page keep what it hears in the chat in `heard`, and its returns with everything it missed in `returns`. */
export async function listen(tab: Page): Promise<void> {
  await tab.evaluate(`
    window.heard = [];
    window.returns = [];
    io.socket.on('chatMessage', ({ text }) => heard.push(text));
    io.socket.on('recovered', () => returns.push(true));
    undefined;
  `);
}

/** Has the page say something every few milliseconds, each after the answer to the one before; `said` has what was. */
export async function talk(tab: Page, prefix: string): Promise<void> {
  await tab.evaluate(`
    window.said = [];
    window.talking = (async () => {
      while (!window.quiet) {
        const text = ${JSON.stringify(prefix)} + ' ' + (said.length + 1);
        const { statusCode } = await new Promise((resolve) =>
          io.socket.post('/api/chat/messages', { text }, (_, jwr) => resolve(jwr)),
        );
        if (statusCode >= 300) throw new Error('the answer was ' + statusCode);
        said.push(text);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    undefined;
  `);
}

/** Ends what {@link talk} began. Settles with all that was said. */
export async function stopTalking(tab: Page): Promise<string[]> {
  await tab.evaluate('window.quiet = true; talking');
  return tab.evaluate<string[]>('said');
}
