import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisSentinel } from '../support/redis-sentinel';
import { watched } from './watched';

let sentinel: RedisSentinel;
beforeAll(async () => {
  sentinel = await RedisSentinel.start({ password: 'p', sentinelPassword: 's' });
});
afterAll(() => sentinel.stop());

test('a failover is one outage, and the new master serves keys, messages and subscriptions', async () => {
  const each = await watched(sentinel.url);
  const old = await sentinel.failover();
  const added = each.subscriber.subscribe('meanwhile');
  await each.counts(1, 1);
  await added;
  await each.expectDelivery('before', 'one');
  await each.expectDelivery('meanwhile', 'one');
  await each.commands.set('x', 'after');
  const master = await sentinel.master();
  expect(master.port).not.toBe(old.port);
  expect(await master.cli('GET', 'x')).toBe('after');

  // The old master comes back as a replica, and nobody goes back to it.
  await old.restart();
  await sentinel.settled();
  await each.expectDelivery('before', 'two');
  expect((await old.clientNames()).filter((name) => name.startsWith('flotilla:'))).toEqual([]);
  await each.clients.close();
  await each.counts(1, 1);
});
