import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../support/free-port';
import { RecordingLog } from '../support/redis-log';
import { RedisProxy } from '../support/redis-proxy';
import { RedisServer } from '../support/redis-server';
import { clientsFor } from './round-trip';
import { Watched, watched } from './watched';

let server: RedisServer;
beforeEach(async () => {
  server = await RedisServer.start();
});
afterEach(() => server.stop());

describe('an outage', () => {
  test('is told once when it begins and once when it ends, and heals with every subscription', async () => {
    const each = await watched(server.url);
    await server.kill();
    await each.counts(1, 0);
    expect(each.clients.state).toBe('down');
    const added = each.subscriber.subscribe('meanwhile');
    each.subscriber.unsubscribe('before');

    // Nothing hangs: a message is refused at once, a command fails within its deadline.
    await expect(each.publisher.publish('before', 'lost')).rejects.toThrow(/enableOfflineQueue/);
    await expect(each.commands.get('x')).rejects.toThrow();
    await each.log.line(/E_REDIS_UNREACHABLE.*ECONNREFUSED/);

    await server.restart();
    await each.counts(1, 1);
    expect(each.clients.state).toBe('up');
    await added;
    await each.expectDelivery('meanwhile', 'one');
    expect(await server.cli('PUBSUB', 'CHANNELS')).toBe('meanwhile');
    expect(await each.commands.set('x', 'y')).toBe('OK');
    expect(each.log.lines.filter((line) => /^(info|warn|error)/.test(line))).toEqual([
      expect.stringMatching(/^info Connected to Redis/),
      expect.stringMatching(/^error Lost the connection to Redis at redis:\/\/127\.0\.0\.1:/),
      expect.stringMatching(/^error E_REDIS_UNREACHABLE: .*ECONNREFUSED/),
      expect.stringMatching(/^info Redis at .* is back after [0-9.]+ s/),
    ]);
    await each.clients.close();
    await each.counts(1, 1);
  });

  test('C10: only subscriber connections are killed, ten times, with a new channel in each gap', async () => {
    const each = await watched(server.url);
    for (let round = 1; round <= 10; round++) {
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
      const added = each.subscriber.subscribe(`round${round}`);
      await each.counts(round, round);
      await added;
      for (let channel = 1; channel <= round; channel++) await each.expectDelivery(`round${channel}`, `in ${round}`);
      await each.expectDelivery('before', `in ${round}`);
    }
    await each.clients.close();
  });

  test('C10: a half-open connection is noticed, and its subscriptions are moved', async () => {
    const proxy = await RedisProxy.start(server);
    const each = await watched(`redis://127.0.0.1:${proxy.port}`);
    proxy.freeze({ newConnections: 'forwarded' });
    await each.counts(1, 1);
    await each.expectDelivery('before', 'again');
    await each.clients.close();
    await proxy.stop();
  });

  test('a network that is gone for all is one outage, however long', async () => {
    const proxy = await RedisProxy.start(server);
    const each = await watched({
      url: `redis://127.0.0.1:${proxy.port}`,
      connectTimeoutMs: 1000,
      commandTimeoutMs: 600_000,
    });
    proxy.freeze();
    await each.counts(1, 0);
    await expect(each.commands.get('x')).rejects.toThrow();
    await each.log.line(/connected, but got no answer in 1000 ms/);
    proxy.thaw();
    await each.counts(1, 1);
    await each.expectDelivery('before', 'again');
    await each.clients.close();
    await proxy.stop();
  });

  test('a server that is stopped and goes on', async () => {
    const each = await watched(server.url);
    server.pause();
    await each.counts(1, 0);
    server.resume();
    await each.counts(1, 1);
    await each.expectDelivery('before', 'again');
    await each.clients.close();
  });

  test('restarts in a row leave no rejection unhandled', async () => {
    const each = await watched(server.url);
    await each.subscriber.subscribe(...Array.from({ length: 3000 }, (_, index) => `many${index}`));
    for (let round = 1; round <= 5; round++) {
      await server.restart();
      // In the middle of the reconnection and the subscriptions.
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await server.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    while (each.clients.state !== 'up') await each.counts(each.downs, each.ups + 1);
    await each.subscriber.subscribe('before', 'many2999');
    expect(each.ups).toBe(each.downs);
    await each.clients.close();
  });

  test('a callback that throws is logged, and harms nothing', async () => {
    const log = new RecordingLog();
    const clients = clientsFor(server.url, {
      log,
      onDown: () => {
        throw new Error('mine');
      },
    });
    clients.commands('session');
    await clients.ready();
    await server.restart();
    await log.line(/onDown threw: Error: mine/);
    await log.line(/is back after/);
    await clients.close();
  });
});

test('C09: starting with Redis down waits, says so once, and connects when it comes; that is no outage', async () => {
  const port = await freePort();
  const each = new Watched(`redis://127.0.0.1:${port}`);
  const subscribed = each.subscriber.subscribe('before');
  await each.log.line(/ECONNREFUSED/);
  expect(each.clients.state).toBe('connecting');
  const late = await RedisServer.start({ port });
  await each.clients.ready();
  await subscribed;
  await each.expectDelivery('before', 'one');
  expect(each.log.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
  expect([each.downs, each.ups, each.clients.state]).toEqual([0, 0, 'up']);
  await each.clients.close();
  await late.stop();
});

test('subscribing and unsubscribing the same channel over and over ends as it was asked for last', async () => {
  const each = await watched(server.url);
  for (let round = 0; round < 50; round++) {
    const subscribed = each.subscriber.subscribe('flip', 'stay');
    if (round % 3 === 0) await subscribed;
    each.subscriber.unsubscribe('flip');
    if (round % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await each.subscriber.subscribe('stay', 'flip');
  await each.expectDelivery('flip', 'one');
  each.subscriber.unsubscribe('flip');
  await each.subscriber.subscribe('last');
  expect((await server.cli('PUBSUB', 'CHANNELS')).split('\n').sort()).toEqual(['before', 'last', 'stay']);
  await each.clients.close();
});
