import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connected, scatteringClient } from '../launcher/support/clients';
import { startHaproxy } from '../launcher/support/haproxy';
import type { LogLine, RunningPod } from '../launcher/support/pod';
import { freePort } from '../support/free-port';
import { RedisServer } from '../support/redis-server';
import { request, startFixture, until } from './support/pod';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

/** Two pods that do not pass polls on to each other, behind a proxy that keeps each client at its pod by a cookie. */
async function startBehindCookies() {
  const start = async (name: string) => {
    const opsPort = await freePort();
    const pod = await startFixture({
      workers: 1,
      args: ['--drain-delay', '3000', '--drain-window', '4000', '--grace', '30000'],
      env: {
        FLOTILLA_REDIS_URL: redis.url,
        FLOTILLA_POD_NAME: name,
        FLOTILLA_OPS_PORT: String(opsPort),
        FIXTURE_PING_TIMEOUT_MS: '60000',
      },
    });
    return { name, pod, opsPort };
  };
  const [first, second] = await Promise.all([start('pod-a'), start('pod-b')]);
  for (const { pod } of [first, second]) await pod.logged(/pod pod-[ab] joined the fleet/);
  const proxy = await startHaproxy(
    [first, second].map(({ name, pod, opsPort }) => ({ name, port: pod.port, opsPort })),
    { affinity: true },
  );
  return { first, second, proxy };
}

/** The time of the first line of a log that matches. */
function timeOf(pod: RunningPod, pattern: RegExp): number {
  const line = pod.log().find(({ msg }) => pattern.test(msg)) as (LogLine & { time: number }) | undefined;
  return line?.time ?? Number.NaN;
}

describe('C26: a drain behind cookie affinity, where pods do not pass polls on', () => {
  test('C26: stays ready until its polling sessions are closed; no client meets an error, all go to the other pod', async () => {
    const { first, second, proxy } = await startBehindCookies();
    const clients: Socket[] = [];
    const reasons: string[] = [];
    for (let index = 0; index < 50; index++) {
      const client = scatteringClient(proxy.url, {
        transports: index % 5 === 0 ? ['websocket'] : ['polling'],
        withCredentials: true,
        reconnection: true,
        reconnectionDelay: 100,
        reconnectionDelayMax: 400,
      });
      client.on('disconnect', (reason) => reasons.push(reason));
      clients.push(client);
    }
    await Promise.all(clients.map(connected));
    const pidOf = async (client: Socket) => (await request(client, '/whoami')).body.pid;
    const before = await Promise.all(clients.map(pidOf));
    expect(new Set(before).size).toBe(2);

    const ending = first.pod.stop();
    let unreadyAt: number | undefined;
    while (unreadyAt === undefined) {
      const { status } = await fetch(`http://127.0.0.1:${first.opsPort}/readyz`);
      if (status === 503) unreadyAt = Date.now();
    }
    const { code } = await ending;
    expect(code).toBe(0);
    const closedAt = timeOf(first.pod, /polling sessions? closed/);
    expect(closedAt).toBeLessThanOrEqual(unreadyAt);
    expect(timeOf(first.pod, /taking connections for another/)).toBeGreaterThanOrEqual(closedAt);

    await until(() => clients.every((client) => client.connected));
    const after = new Set(await Promise.all(clients.map(pidOf)));
    expect(after.size).toBe(1);
    // the way of ending that clients come back from
    expect(reasons.filter((reason) => !/transport/.test(reason))).toEqual([]);
    expect(proxy.requests().filter(({ status }) => status >= 400)).toEqual([]);
    for (const client of clients) client.close();
    await Promise.all([second.pod.stop(), proxy.stop()]);
  }, 180_000);

  test('a pod without others does not wait: there is nowhere to go', async () => {
    const pod = await startFixture({ workers: 1, env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_NAMESPACE: 'alone' } });
    const client = scatteringClient(pod.url, { transports: ['polling'] });
    await connected(client);
    expect((await pod.stop()).code).toBe(0);
    expect(timeOf(pod, /draining: ready until/)).toBeNaN();
  });
});
