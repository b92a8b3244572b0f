import { io as connect, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createEmitter, type Emitter } from '../../dist/emitter';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { startPod, type TestPod } from '../bus/topology';
import { RedisServer } from '../support/redis-server';

describe.each(['redis', 'redis-streams'] as const)('the emitter over the link %s', (link) => {
  let redis: RedisServer;
  let pod: TestPod;
  let port: number;
  let emitter: Emitter | undefined;
  let socket: Socket;

  beforeAll(async () => {
    redis = await RedisServer.start();
    const settings = resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings;
    pod = await startPod('pod', { name: link, redis: settings });
    ({ port } = await pod.addServer());
    await pod.link.ready();
  });
  afterEach(async () => {
    socket?.close();
    await emitter?.close();
    emitter = undefined;
  });
  afterAll(async () => {
    await pod?.close();
    await redis?.stop();
  });

  async function client(): Promise<Socket> {
    socket = connect(`http://127.0.0.1:${port}`, { forceNew: true, transports: ['websocket'], reconnection: false });
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return socket;
  }

  const next = (event: string) => new Promise<unknown>((resolve) => socket.once(event, resolve));

  it('broadcasts to rooms, blasts to everybody and publishes to the subscribers of a record', async () => {
    await client();
    await socket.emitWithAck('join', ['news', 'more news', 'sails_model_user_7:user']);
    emitter = createEmitter({ redis: redis.url, link });
    await emitter.ready();
    const got: unknown[] = [];
    socket.onAny((...args) => got.push(args));
    const last = next('last');
    emitter.broadcast('nobody', 'lost', 1);
    emitter.broadcast(['news', 'more news'], 'headline', { text: 'Hello', bytes: Buffer.from([1]) });
    emitter.publish('user', [7, 8], { verb: 'updated', id: 7, data: { name: 'Ada' } });
    emitter.blast('last');
    await last;
    expect(got).toEqual([
      ['headline', { text: 'Hello', bytes: Buffer.from([1]) }],
      ['user', { verb: 'updated', id: 7, data: { name: 'Ada' } }],
      ['last'],
    ]);
  });

  it('sends what it was given before it was connected, and what is still here when it closes', async () => {
    await client();
    const hello = next('hello');
    emitter = createEmitter({ redis: redis.url, link });
    emitter.blast('hello', 1);
    await emitter.close();
    expect(await hello).toBe(1);
  });

  it('disconnects sockets and says how many', async () => {
    await client();
    const gone = next('disconnect');
    emitter = createEmitter({ redis: redis.url, link });
    expect(await emitter.disconnectSockets({ ids: [socket.id as string] })).toEqual({ matched: 1, silent: [] });
    expect(await gone).toBe('io server disconnect');
  });

  it('is no member of the fleet', async () => {
    emitter = createEmitter({ redis: redis.url, link });
    await emitter.ready();
    emitter.blast('hello');
    expect(pod.hub.pods().map(({ name }) => name)).toEqual(['pod']);
  });

  it('says what is wrong', () => {
    const before = process.env.FLOTILLA_REDIS_URL;
    delete process.env.FLOTILLA_REDIS_URL;
    expect(() => createEmitter()).toThrow(expect.objectContaining({ code: 'E_EMITTER_REDIS' }));
    if (before !== undefined) process.env.FLOTILLA_REDIS_URL = before;
    emitter = createEmitter({ redis: redis.url, link });
    expect(() => emitter?.broadcast('', 'x')).toThrow(expect.objectContaining({ code: 'E_EMITTER_ARGUMENT' }));
    expect(() => emitter?.broadcast('room', '')).toThrow(expect.objectContaining({ code: 'E_EMITTER_ARGUMENT' }));
  });
});
