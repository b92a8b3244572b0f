import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHaproxy } from '../launcher/support/haproxy';
import { freePort } from '../support/free-port';
import { RedisServer } from '../support/redis-server';
import { launchChromium } from './chromium';
import { type ExampleApp, startExampleApp } from './example-app';
import { isSo, listen, openTab, shownCount, showsCount, stopTalking, talk, whoAmI } from './tab';

type PodName = 'pod-a' | 'pod-b';

/** A pod of the example that can be killed and started again at the same ports. */
class Pod {
  readonly name: PodName;
  #app: ExampleApp | undefined;

  private constructor(
    name: PodName,
    readonly port: number,
    readonly opsPort: number,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.name = name;
  }

  static async start(name: PodName, env: NodeJS.ProcessEnv): Promise<Pod> {
    const pod = new Pod(name, await freePort(), await freePort(), env);
    await pod.start();
    return pod;
  }

  async start(): Promise<void> {
    this.#app = await startExampleApp(2, {
      ...this.env,
      PORT: String(this.port),
      FLOTILLA_OPS_PORT: String(this.opsPort),
      FLOTILLA_POD_NAME: this.name,
      FLOTILLA_POD_IP: '127.0.0.1',
      FLOTILLA_PEER_PORT: '0',
    });
  }

  /** As when its node is lost: nobody in it has a last word. */
  async kill(): Promise<void> {
    const { pid, stop } = this.#app as ExampleApp;
    const workers = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    process.kill(pid, 'SIGKILL');
    for (const worker of workers) process.kill(worker, 'SIGKILL');
    await stop();
  }

  async stop(): Promise<void> {
    await this.#app?.stop();
  }
}

let scratch: string;
let redis: RedisServer;
let pods: Record<PodName, Pod>;
let proxy: Awaited<ReturnType<typeof startHaproxy>>;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'live-counter-pods-'));
  redis = await RedisServer.start();
  const env = { FLOTILLA_REDIS_URL: redis.url, LIVE_COUNTER_DB: join(scratch, 'live-counter.sqlite') };
  const a = await Pod.start('pod-a', env);
  const b = await Pod.start('pod-b', env);
  pods = { 'pod-a': a, 'pod-b': b };
  proxy = await startHaproxy([a, b]);
  browser = await launchChromium();
  context = await browser.newContext();
  context.setDefaultTimeout(30_000);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await proxy?.stop();
  await Promise.all(Object.values(pods ?? {}).map((pod) => pod.stop()));
  await redis?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** Tabs come to the pods in turn. */
async function openTabAt(pod: PodName): Promise<Page> {
  for (let attempt = 1; attempt <= 30; attempt++) {
    const tab = await openTab(context, proxy.url);
    if ((await whoAmI(tab)).pod === pod) return tab;
    await tab.close();
  }
  throw new Error(`30 tabs, and none came to ${pod}`);
}

it('the page misses nothing while whole pods are killed: each message once, in order, and the count goes on', async () => {
  const listener = await openTabAt('pod-b');
  await listener.fill('#login-name', 'Grace');
  await listener.click('#login button');
  await listener.waitForSelector('#me:not([hidden])');
  await listen(listener);
  const all: string[] = [];
  const rounds: Array<[doomed: PodName, other: PodName]> = [
    ['pod-b', 'pod-a'],
    ['pod-a', 'pod-b'],
  ];
  for (const [index, [doomed, other]] of rounds.entries()) {
    expect((await whoAmI(listener)).pod).toBe(doomed);
    const talker = await openTabAt(other);
    await talk(talker, `round ${index + 1}, number`);
    await isSo(talker, 'said.length >= 10');
    const count = await shownCount(listener);
    await pods[doomed].kill();
    await talker.click('#increment');
    await isSo(listener, `returns.length === ${index + 1}`);
    expect((await whoAmI(listener)).pod).toBe(other);
    await showsCount(listener, count + 1);
    const said = await talker.evaluate<number>('said.length');
    await isSo(talker, `said.length >= ${said + 10}`);
    all.push(...(await stopTalking(talker)));

    await talker.click('#increment');
    await showsCount(listener, count + 2);
    await pods[doomed].start();
    await talker.close();
  }
  await isSo(listener, `heard.at(-1) === ${JSON.stringify(all.at(-1))}`);
  expect(await listener.evaluate('heard')).toEqual(all);
  expect((await whoAmI(listener)).user?.displayName).toBe('Grace');
});
