import { join } from 'node:path';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connected, scatteringClient } from '../launcher/support/clients';
import { type RunningPod, startPod } from '../launcher/support/pod';
import { RedisServer } from '../support/redis-server';

interface Answer {
  pod: string;
  worker: string;
  id: string;
  fields: Record<string, unknown>;
}

const APP = join(__dirname, 'fixtures', 'app');
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

/** Sends a request over a connection of its own, so that any worker may get it. */
async function http<T = Answer>(pod: RunningPod, method: string, path: string, cookie = '') {
  const response = await fetch(pod.url + path, { method, headers: { cookie, connection: 'close' } });
  const set = response.headers.get('set-cookie')?.split(';', 1)[0];
  return { body: (await response.json()) as T, cookie: set ?? cookie };
}

async function socketOn(pod: RunningPod, cookie?: string, transports = ['websocket']): Promise<Socket> {
  const socket = scatteringClient(pod.url, { transports, extraHeaders: cookie ? { cookie } : {} });
  sockets.push(socket);
  await connected(socket);
  return socket;
}

function virtual<T = Answer>(socket: Socket, method: string, url: string, data?: object): Promise<T> {
  return new Promise((resolve) => {
    socket.emit(
      method,
      { method, url, data, headers: { 'x-number': 7, 'x-undefined': undefined } },
      (jwr: { body: T }) => resolve(jwr.body),
    );
  });
}

/** Sockets until every worker of these pods has one. */
async function socketOnEach(pods: RunningPod[], workers: number, cookie: string): Promise<Socket[]> {
  const byWorker = new Map<string, Socket>();
  while (byWorker.size < workers) {
    for (const pod of pods) {
      const socket = await socketOn(pod, cookie);
      const { pod: name, worker } = await virtual(socket, 'get', '/look');
      byWorker.set(`${name}/${worker}`, socket);
    }
  }
  return [...byWorker.values()];
}

function suite(start: () => Promise<{ pods: RunningPod[]; stop: () => Promise<void>; client?: RedisServer }>): void {
  let pods: RunningPod[];
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ pods, stop } = await start());
  });
  afterAll(() => stop?.());
  const first = () => pods[0] as RunningPod;
  const last = () => pods.at(-1) as RunningPod;
  const workers = () => pods.length * 2;

  it('C05: a count over HTTP and sockets on every worker, one session', async () => {
    const { body, cookie } = await http(first(), 'POST', '/count');
    const each = await socketOnEach(pods, workers(), cookie);
    let count = 1;
    for (const socket of each) {
      const answer = await virtual(socket, 'post', '/count');
      count += 1;
      expect([answer.fields.count, answer.id]).toEqual([count, body.id]);
    }
    expect((await http(last(), 'POST', '/count', cookie)).body.fields.count).toBe(count + 1);
  });

  it.each([['websocket'], ['polling']])(
    'login over HTTP here, %s there, logout here: the socket is logged out',
    async (transport) => {
      const { cookie, body } = await http(first(), 'POST', '/login');
      const socket = await socketOn(last(), cookie, [transport]);
      expect((await virtual(socket, 'get', '/look')).fields).toEqual({ user: 'ada' });
      await http(first(), 'POST', '/destroy', cookie);
      const after = await virtual(socket, 'get', '/look');
      expect(after.fields).toEqual({});
      expect(after.id).not.toBe(body.id);
    },
  );

  it('a logout that ends the sockets of its session, everywhere', async () => {
    const { cookie } = await http(first(), 'POST', '/login');
    const each = await socketOnEach(pods, workers(), cookie);
    const mine = sockets.splice(0);
    const bystander = await socketOn(last(), (await http(first(), 'POST', '/login')).cookie);
    const ended = Promise.all(each.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve))));
    expect((await http<{ ended: number }>(first(), 'POST', '/logout', cookie)).body.ended).toBe(mine.length);
    await ended;
    expect((await virtual(bystander, 'get', '/look')).fields).toEqual({ user: 'ada' });
  });

  it('200 virtual requests at once on all workers, each with a key of its own: 200 keys', async () => {
    const { cookie } = await http(first(), 'POST', '/login');
    const each = await socketOnEach(pods, workers(), cookie);
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        virtual<{ worker: string }>(each[n % each.length] as Socket, 'post', '/put', { key: `key${n}` }),
      ),
    );
    expect(new Set(answers.map(({ worker }) => worker)).size).toBe(workers());
    const { fields } = (await http(last(), 'GET', '/look', cookie)).body;
    expect(Object.keys(fields)).toHaveLength(201);
  });
}

describe('two pods of two workers on one Redis', () => {
  let redis: RedisServer;
  suite(async () => {
    redis = await RedisServer.start({ password: 'p@s:s/w' });
    const start = (name: string) =>
      startPod({
        app: APP,
        env: { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: name, FLOTILLA_NAMESPACE: 'shop' },
      });
    const pods = await Promise.all([start('pod-a'), start('pod-b')]);
    for (const pod of pods) await pod.logged(/pod pod-[ab] joined the fleet/);
    return {
      pods,
      stop: async () => {
        await Promise.all(pods.map((pod) => pod.stop()));
        await redis.stop();
      },
    };
  });

  it('have one connection for sessions per worker, and keys of their release', async () => {
    const names = (await redis.clientNames()).filter((name) => name.endsWith(':session'));
    expect(names.sort()).toEqual(['pod-a', 'pod-a', 'pod-b', 'pod-b'].map((pod) => `flotilla:${pod}:session`));
    const keys = (await redis.cli('KEYS', '*')).split('\n').filter(Boolean);
    expect(keys.filter((key) => !key.startsWith('shop:'))).toEqual([]);
  });
});

describe('one pod of two workers without Redis', () => {
  suite(async () => {
    const pod = await startPod({ app: APP });
    return { pods: [pod], stop: async () => void (await pod.stop()) };
  });
});
