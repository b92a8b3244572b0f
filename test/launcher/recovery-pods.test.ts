import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer } from '../support/redis-server';
import { connected, scatteringClient, virtual } from './support/clients';
import { send } from './support/http';
import { type RunningPod, startPod } from './support/pod';

/** What of a client its state is resumed by. */
const resumedBy = (socket: Socket) => {
  const { _pid: pid, _lastOffset: offset } = socket as unknown as { _pid: string; _lastOffset: string };
  return { pid, offset };
};

describe('connection state recovery between pods, on the default link', () => {
  let redis: RedisServer;
  let pods: [RunningPod, RunningPod];
  const sockets: Socket[] = [];

  beforeAll(async () => {
    redis = await RedisServer.start();
    const start = (name: string) => {
      const env = { FLOTILLA_REDIS_URL: redis.url, FLOTILLA_POD_NAME: name };
      return startPod({ workers: 2, env });
    };
    pods = await Promise.all([start('pod-a'), start('pod-b')]);
    for (const pod of pods) await pod.logged(/pod pod-[ab] joined the fleet/);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });
  afterAll(async () => {
    await Promise.all((pods ?? []).map((pod) => pod.stop('SIGKILL')));
    await redis?.stop();
  });

  async function client(pod: RunningPod, options: Parameters<typeof scatteringClient>[1] = {}): Promise<Socket> {
    const socket = scatteringClient(pod.url, { transports: ['websocket'], ...options });
    sockets.push(socket);
    await connected(socket);
    return socket;
  }

  /** Goes on at a pod, by the same client. */
  async function connectTo(pod: RunningPod, socket: Socket): Promise<void> {
    (socket.io as unknown as { uri: string }).uri = pod.url;
    socket.connect();
    await connected(socket);
  }

  async function cookieOf(pod: RunningPod): Promise<string> {
    const response = await fetch(`${pod.url}/__getcookie`);
    return (response.headers.get('set-cookie') as string).split(';', 1)[0] as string;
  }

  const broadcast = (pod: RunningPod, n: number) => send(`${pod.url}/room?n=${n}`, { method: 'POST' });

  function newsOf(socket: Socket): { heard: number[]; until(n: number): Promise<void> } {
    const heard: number[] = [];
    const waiting = new Set<() => void>();
    socket.on('news', ({ n }: { n: string }) => {
      heard.push(Number(n));
      for (const look of waiting) look();
    });
    const until = (n: number) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (heard.includes(n)) resolve();
        };
        waiting.add(look);
        look();
      });
    return { heard, until };
  }

  it('is refused to somebody with another cookie', async () => {
    const [a, b] = pods;
    const victim = await client(a, { extraHeaders: { cookie: await cookieOf(a) } });
    await virtual(victim, 'post', '/room');
    const news = newsOf(victim);
    await broadcast(a, 1);
    await news.until(1);
    const auth = resumedBy(victim);
    const { id } = victim;
    victim.io.engine.close();
    const thief = await client(b, { extraHeaders: { cookie: await cookieOf(b) }, auth });
    expect(thief.id).not.toBe(id);
    await connectTo(b, victim);
    expect([victim.recovered, victim.id]).toEqual([true, id]);
  });

  it('gives a client whose whole pod was killed its id, its rooms and what it has missed, in order', async () => {
    const [a, b] = pods;
    const socket = await client(a);
    const { id } = socket;
    await virtual(socket, 'post', '/room');
    const news = newsOf(socket);
    await broadcast(a, 1);
    await broadcast(b, 2);
    await Promise.all([news.until(1), news.until(2)]);
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    await a.stop('SIGKILL');
    await gone;
    for (const n of [3, 4, 5]) await broadcast(b, n);
    await connectTo(b, socket);
    expect([socket.recovered, socket.id]).toEqual([true, id]);
    await broadcast(b, 6);
    await news.until(6);
    expect(news.heard.slice(2)).toEqual([3, 4, 5, 6]);
  });
});
