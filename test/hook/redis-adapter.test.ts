import { readFileSync } from 'node:fs';
import { Adapter } from 'socket.io-adapter';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisServer } from '../support/redis-server.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

const PASSWORD = 'p@ss:w/rd';
let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start({ password: PASSWORD });
});
afterEach(lowerAll);
afterAll(() => redis?.stop());

/** The adapter itself does nothing here: what matters is what it is given, and the admin bus beside it. */
function liftWithRedis(sockets: Record<string, unknown>): Promise<Lifted & { given: App }> {
  let given: App;
  const adapterModule = (options: App) => {
    given = options;
    return Adapter;
  };
  const config = { adapter: '@sailshq/socket.io-redis', adapterModule, ...sockets };
  return lift({ log: { level: 'silent' }, sockets: config }).then((lifted) => Object.assign(lifted, { given }));
}

describe('for the Redis adapters that sails-hook-sockets knows', () => {
  it('clients are made from the URL, and closed at lower', async () => {
    const { given, lower } = await liftWithRedis({ url: redis.url });
    expect(await given.pubClient.ping()).toBe('PONG');
    const connections = async () =>
      (await redis.cli('CLIENT', 'LIST')).split('\n').filter((line) => /cmd=(?!client)/.test(line)).length;
    expect(await connections()).toBe(4);
    await lower();
    await vi.waitFor(async () => expect(await connections()).toBe(0), { timeout: 20_000 });
  });

  it('rediss:// speaks TLS', async () => {
    const secure = await RedisServer.start({ tls: true, user: { name: 'us@er', password: PASSWORD } });
    try {
      const ca = readFileSync((secure.certificates as App).caFile);
      const { given, lower } = await liftWithRedis({ url: secure.url, adapterOptions: { tls: { ca } } });
      expect(await given.pubClient.ping()).toBe('PONG');
      await lower();
      await expect(liftWithRedis({ url: secure.url })).rejects.toMatchObject({ code: 'E_REDIS_CONNECTION_FAILED' });
    } finally {
      await secure.stop();
    }
  });

  it.each([
    ['a wrong password', { pass: 'wrong' }, 'ERR_BAD_PASSWORD'],
    ['no password', {}, 'ERR_NO_PASSWORD'],
    ['a database that Redis does not have', { pass: PASSWORD, db: 99 }, 'E_INVALID_DB_INDEX'],
    ['a port where nothing listens', { port: 1 }, 'E_REDIS_CONNECTION_FAILED'],
  ])('%s stops the lift, and the message holds no password', async (_what, settings, code) => {
    const error: App = await liftWithRedis({ host: '127.0.0.1', port: redis.port, ...settings }).catch(
      (reason) => reason,
    );
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(PASSWORD);
    expect(error.message).not.toContain('wrong');
  });

  it('the admin bus carries joins, leaves and messages between processes', async () => {
    const [a, b] = (await Promise.all([liftWithRedis({ url: redis.url }), liftWithRedis({ url: redis.url })])) as [
      Lifted,
      Lifted,
    ];
    const events: App[] = [];
    for (const { app } of [a, b])
      app.on('hook:sockets:adminMessage', (message: App) => events.push([app === a.app ? 'a' : 'b', message.event]));
    const { connect, closeAll } = await import('./support/clients.js');
    await connect('client 4', b.url);
    const [id] = [...b.app.io.sockets.sockets.keys()];
    const rooms = () => [...b.app.io.sockets.sockets.get(id).rooms];
    a.app.sockets.join(id, 'one').catch(() => undefined);
    await vi.waitFor(() => expect(rooms()).toEqual([id, 'one']), { timeout: 20_000 });
    await a.app.sockets.addRoomMembersToRooms('one', ['two', 'three']);
    await vi.waitFor(() => expect(rooms()).toEqual([id, 'one', 'two', 'three']), { timeout: 20_000 });
    await a.app.sockets.removeRoomMembersFromRooms('one', 'two');
    await vi.waitFor(() => expect(rooms()).toEqual([id, 'one', 'three']), { timeout: 20_000 });
    await a.app.sockets.leaveAll('one');
    await vi.waitFor(() => expect(rooms()).toEqual([id]), { timeout: 20_000 });
    a.app.hooks.sockets.broadcastAdminMessage('mine', 1);
    a.app.hooks.sockets.blastAdminMessage('all', 1);
    await vi.waitFor(
      () =>
        expect(events.slice(-3).sort()).toEqual([
          ['a', 'all'],
          ['b', 'all'],
          ['b', 'mine'],
        ]),
      { timeout: 20_000 },
    );
    await redis.cli('PUBLISH', 'socket.io#sails#', 'no JSON');
    await redis.cli('PUBLISH', 'socket.io#sails#', '{"event":"join","payload":{"sourceRoom":7}}');
    await vi.waitFor(() => expect(events.at(-1)).toEqual([expect.any(String), 'join']), { timeout: 20_000 });
    closeAll();
  });

  it('onRedisDisconnect and onRedisReconnect are called once for each outage', async () => {
    const outage = await RedisServer.start();
    try {
      const onRedisDisconnect = vi.fn();
      const onRedisReconnect = vi.fn();
      const { given } = await liftWithRedis({ url: outage.url, onRedisDisconnect, onRedisReconnect });
      await outage.restart();
      await vi.waitFor(() => expect(onRedisReconnect).toHaveBeenCalled(), { timeout: 10_000 });
      await Promise.all([given.pubClient.ping(), given.subClient.quit]);
      expect([onRedisDisconnect.mock.calls.length, onRedisReconnect.mock.calls.length]).toEqual([1, 1]);
      await lowerAll();
      expect(onRedisDisconnect).toHaveBeenCalledTimes(1);
    } finally {
      await outage.stop();
    }
  });
});
