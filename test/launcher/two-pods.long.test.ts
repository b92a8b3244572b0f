import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../support/redis-server';
import { connected, scatteringClient, virtual } from './support/clients';
import { json, send } from './support/http';
import { linesOf, type PodStart, type RunningPod, startCommand, startPod } from './support/pod';

interface Row {
  worker: string;
}

describe('two pods of two workers on one Redis', () => {
  let redis: RedisServer;
  let pods: RunningPod[] = [];
  const sockets: Socket[] = [];

  const start = (name: string, more: PodStart = {}) =>
    startPod({ ...more, env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: name, ...more.env } });

  beforeAll(async () => {
    redis = await RedisServer.start({ password: 'a:b@c/d' });
    pods = await Promise.all([start('pod-a'), start('pod-b')]);
    for (const pod of pods) await pod.logged(/pod pod-[ab] joined the fleet/);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });
  afterAll(async () => {
    await Promise.all(pods.map((pod) => pod.stop()));
    await redis?.stop();
  });

  async function client(pod: RunningPod): Promise<Socket> {
    const socket = scatteringClient(pod.url, { transports: ['websocket'] });
    sockets.push(socket);
    await connected(socket);
    return socket;
  }

  it('are one app: a broadcast made over HTTP in one reaches the sockets of both, once', async () => {
    const clients = await Promise.all(pods.flatMap((pod) => [client(pod), client(pod), client(pod)]));
    for (const socket of clients) await virtual<Row>(socket, 'post', '/room');
    const got = clients.map(() => [] as unknown[]);
    const rounds = 20;
    const complete = clients.map(
      (socket, index) =>
        new Promise<void>((resolve) => {
          socket.on('news', (news) => {
            got[index]?.push(news);
            if (got[index]?.length === rounds) resolve();
          });
        }),
    );
    for (let round = 0; round < rounds; round++)
      await send(`${(pods[round % 2] as RunningPod).url}/room`, { method: 'POST' });
    await Promise.all(complete);
    expect(got.map((news) => news.length)).toEqual(clients.map(() => rounds));
  });

  it('have one table of members, which every worker can read', async () => {
    const table = await json<{ pods: Array<{ name: string; workers: unknown[] }> }>(`${pods[0]?.url}/fleet`);
    expect(table.pods.map(({ name, workers }) => [name, workers.length]).sort()).toEqual([
      ['pod-a', 2],
      ['pod-b', 2],
    ]);
  });

  it('C01: a socket of another pod is joined before the answer, and an unknown id is an error', async () => {
    const [a, b] = [await client(pods[0] as RunningPod), await client(pods[1] as RunningPod)];
    const news = new Promise((resolve) => b.once('news', resolve));
    const joined = await virtual<{ error?: string }>(a, 'post', `/join?id=${b.id}`);
    expect(joined).toEqual({});
    await send(`${pods[0]?.url}/room`, { method: 'POST' });
    await news;
    expect(await virtual(a, 'post', '/join?id=AAAAAAAAAAAAAAAAAAAA')).toEqual({ error: 'E_NO_SUCH_SOCKET' });
  });

  it('use three connections of the bus each, however many workers they have', async () => {
    const names = (await redis.clientNames()).filter((name) => name.includes('bus'));
    expect(names.sort()).toEqual([
      'flotilla:pod-a:bus-pub',
      'flotilla:pod-a:bus-read',
      'flotilla:pod-a:bus-sub',
      'flotilla:pod-b:bus-pub',
      'flotilla:pod-b:bus-read',
      'flotilla:pod-b:bus-sub',
    ]);
  });

  it('C15: write no password to any log', () => {
    for (const pod of pods) expect(pod.program.output()).not.toMatch(/a:b@c\/d|a%3Ab%40c%2Fd/);
  });

  it('C09: tell each worker once that Redis is gone and once that it is back', async () => {
    const outage = await start('pod-c', { env: { FIXTURE_REDIS_CALLBACKS: 'true' } });
    try {
      await redis.restart();
      // Two workers, and each says it once.
      await outage.program.says(/(fixture: redis is gone[\s\S]*){2}/);
      await outage.program.says(/(fixture: redis is back[\s\S]*){2}/);
      expect(outage.program.output().match(/fixture: redis is gone/g)).toHaveLength(2);
      expect(outage.program.output().match(/fixture: redis is back/g)).toHaveLength(2);
    } finally {
      await outage.stop();
    }
  });

  it('with --redis-required: do not start without Redis, and say why', async () => {
    const program = startCommand({ args: ['--redis-required'], env: { FLOTILLA_REDIS_URL: 'redis://127.0.0.1:1' } });
    const { code } = await program.ended();
    expect(code).toBe(1);
    expect(linesOf(program).some((line) => line.code === 'E_REDIS_REQUIRED')).toBe(true);
  });

  it('without it: serve alone, and say so', async () => {
    // Without sessions, which are in Redis too.
    const alone = await startPod({ env: { FLOTILLA_REDIS_URL: 'redis://127.0.0.1:1', FIXTURE_NO_SESSION: 'true' } });
    try {
      await alone.logged(/is not there yet: this pod starts alone/);
      const clients = [await client(alone), await client(alone)];
      for (const socket of clients) await virtual<Row>(socket, 'post', '/room');
      const news = clients.map((socket) => new Promise((resolve) => socket.once('news', resolve)));
      await send(`${alone.url}/room`, { method: 'POST' });
      await Promise.all(news);
    } finally {
      await alone.stop();
    }
  });

  it('refuse a bad setting with its name and the cure, and without its secret', async () => {
    const program = startCommand({ env: { FLOTILLA_REDIS_URL: 'redis://user:hush-hush@host:port/0' } });
    const { code } = await program.ended();
    expect(code).toBe(1);
    expect(program.output()).toMatch(/FLOTILLA_REDIS_URL/);
    expect(program.output()).not.toMatch(/hush-hush/);
  });
});
