import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../example/chromium';
import { type RunningPod, startPod } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';
import { startHaproxy } from './haproxy';

const APP = join(__dirname, 'fixtures', 'app');

interface Look {
  fields: Record<string, unknown>;
  pod: string;
}

/** What the page has from its script tag. */
declare function io(options: object): {
  emit(method: string, message: object, answer: (jwr: { body: Look }) => void): void;
  on(event: string, listener: (reason: string) => void): void;
};

/** Two pods behind a proxy that ends TLS, and a real browser. */
export function describeInBrowser(): void {
  describe('Chromium, TLS ended by haproxy, two pods, secure cookies', () => {
    let redis: RedisServer;
    let pods: RunningPod[] = [];
    let proxy: Awaited<ReturnType<typeof startHaproxy>>;
    let browser: Browser;

    beforeAll(async () => {
      redis = await RedisServer.start();
      const start = (name: string) =>
        startPod({
          app: APP,
          env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: name, FIXTURE_BEHIND_TLS: 'true' },
        });
      pods = await Promise.all([start('pod-a'), start('pod-b')]);
      for (const pod of pods) await pod.logged(/pod pod-[ab] joined the fleet/);
      proxy = await startHaproxy(pods.map(({ port }) => port));
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      await proxy?.stop();
      await Promise.all(pods.map((pod) => pod.stop()));
      await redis?.stop();
    });

    it('login in one tab, socket in another, logout in the first ends the socket', async () => {
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const [one, two] = [await context.newPage(), await context.newPage()];
      await one.goto(proxy.url);
      await one.evaluate(() => fetch('/login', { method: 'POST' }));
      const [cookie] = await context.cookies(proxy.url);
      expect(cookie).toMatchObject({ name: 'sails.sid', secure: true, httpOnly: true, sameSite: 'Lax' });

      await two.goto(proxy.url);
      const look = await two.evaluate(async () => {
        const socket = io({ transports: ['websocket'], query: { __sails_io_sdk_version: '1.2.1' } });
        Object.assign(globalThis, { ended: new Promise((resolve) => socket.on('disconnect', resolve)) });
        return new Promise<Look>((resolve) => {
          socket.emit('get', { method: 'get', url: '/look', headers: {} }, ({ body }) => resolve(body));
        });
      });
      expect(look.fields).toEqual({ user: 'ada' });

      const logout = await one.evaluate(async () => (await fetch('/logout', { method: 'POST' })).json());
      expect(logout).toMatchObject({ ended: 1 });
      expect(await two.evaluate(() => (globalThis as unknown as { ended: Promise<string> }).ended)).toBe(
        'io server disconnect',
      );
      expect(await two.evaluate(async () => (await fetch('/look')).json())).toMatchObject({ fields: {} });
      await context.close();
    });
  });
}
