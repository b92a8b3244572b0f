import { once } from 'node:events';
import type { Cluster } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RedisClient, RedisClients, RedisSubscriber } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { until } from '../support/redis-process';
import type { RedisServer } from '../support/redis-server';
import { clientsFor, expectRoundTrips, Inbox } from './round-trip';

const CHANNELS = Array.from({ length: 24 }, (_, index) => `shard${index}`);

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await RedisCluster.start();
});
afterAll(() => cluster.stop());

interface Sharded {
  clients: RedisClients;
  inbox: Inbox;
  publisher: RedisClient;
  subscriber: RedisSubscriber;
}

async function sharded(): Promise<Sharded> {
  const clients = clientsFor(cluster.url);
  const inbox = new Inbox();
  const publisher = clients.shardedPublisher('spublish');
  const subscriber = clients.shardedSubscriber('ssubscribe', inbox.take);
  await clients.ready();
  await subscriber.subscribe(...CHANNELS);
  await expectAllChannels({ clients, inbox, publisher, subscriber }, 'zero');
  return { clients, inbox, publisher, subscriber };
}

/** Every channel delivers: sends until each message has come, and no copy twice. */
async function expectAllChannels({ publisher, inbox }: Sharded, text: string): Promise<void> {
  await Promise.all(
    CHANNELS.map(async (channel) => {
      let attempt = 0;
      await until(
        async () => {
          attempt++;
          await publisher.spublish(channel, `${text} ${attempt}`).catch(() => undefined);
          return inbox.messages.some((message) => message.startsWith(`${channel} ${text} `));
        },
        `${channel} delivers ${text}`,
        30_000,
      );
    }),
  );
  const last = Promise.all(CHANNELS.map((channel) => inbox.got(`${channel} ${text} last`)));
  await Promise.all(CHANNELS.map((channel) => publisher.spublish(channel, `${text} last`)));
  await last;
  expect(new Set(inbox.messages).size).toBe(inbox.messages.length);
}

test('messages to one sharded channel keep their order', async () => {
  const each = await sharded();
  await Promise.all(Array.from({ length: 500 }, (_, index) => each.publisher.spublish('shard0', `order ${index}`)));
  await each.inbox.got('shard0 order 499');
  const order = each.inbox.messages
    .filter((message) => message.startsWith('shard0 order'))
    .map((message) => Number(message.split(' ')[2]));
  expect(order).toEqual(Array.from({ length: 500 }, (_, index) => index));
  await each.clients.close();
});

test('messages to one plain channel keep their order: publisher and subscriber stay on a node each', async () => {
  const clients = clientsFor(cluster.url);
  const inbox = new Inbox();
  const publisher = clients.publisher('publish');
  await clients.subscriber('subscribe', inbox.take).subscribe('plain');
  await clients.ready();
  await Promise.all(Array.from({ length: 500 }, (_, index) => publisher.publish('plain', `${index}`)));
  await inbox.got('plain 499');
  expect(inbox.messages).toEqual(Array.from({ length: 500 }, (_, index) => `plain ${index}`));
  await clients.close();
});

test('a moved slot is followed', async () => {
  const each = await sharded();
  const { index, slot } = await cluster.ownerOf('shard0');
  await cluster.moveSlot(slot, index, (index + 1) % 3);
  await expectAllChannels(each, 'moved');
  await each.subscriber.subscribe(`{shard0}late`);
  await cluster.moveSlot(slot, (index + 1) % 3, index);
  await expectAllChannels(each, 'moved back');
  await each.clients.close();
});

test('the smallest rights that docs/redis.md names are enough', async () => {
  const links = ['+publish', '+subscribe', '+unsubscribe', '+spublish', '+ssubscribe', '+sunsubscribe'];
  const rights = [
    '+ping',
    '+info',
    '+client|setname',
    '+get',
    '+set',
    ...links,
    '+cluster|slots',
    '+cluster|info',
    '+readonly',
    '+asking',
  ];
  for (const node of cluster.nodes) {
    await node.cli('ACL', 'SETUSER', 'least', 'on', '>secret', '~flotilla:*', '&flotilla:*', '-@all', ...rights);
  }
  const clients = clientsFor({ cluster: cluster.addresses, username: 'least', password: 'secret' });
  await expectRoundTrips(clients);
  await clients.close();
});

test('killed subscriber connections come back', async () => {
  const each = await sharded();
  for (const node of cluster.nodes) await node.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await expectAllChannels(each, 'killed');
  await each.clients.close();
});

test('a deaf link can be rebuilt', async () => {
  const each = await sharded();
  each.subscriber.reconnect();
  await each.subscriber.subscribe('shard24');
  await expectAllChannels(each, 'rebuilt');
  await each.clients.close();
});

test('a node that is gone and comes back', async () => {
  const each = await sharded();
  const [node] = cluster.nodes as [RedisServer];
  await node.kill();
  await node.restart();
  await cluster.settled();
  await expectAllChannels(each, 'back');
  await each.clients.close();
});

test('the loss of one master is told, beside which the others go on; a slot that moves is none', async () => {
  let lost = 0;
  const clients = clientsFor(cluster.url, { onMasterLost: () => lost++ });
  const commands = clients.commands('commands') as Cluster;
  await clients.ready();
  const { index, slot } = await cluster.ownerOf('{moved}');
  const next = (index + 1) % 3;
  await cluster.moveSlot(slot, index, next);
  const refreshed = once(commands, 'refresh');
  await commands.set('{moved}', '1');
  await refreshed;
  await cluster.moveSlot(slot, next, index);
  expect(lost).toBe(0);
  const [node] = cluster.nodes as [RedisServer];
  await node.kill();
  await until(async () => lost > 0, 'the loss is told');
  expect(clients.state).toBe('up');
  await node.restart();
  await cluster.settled();
  await clients.close();
});

test('the whole cluster is stopped and goes on: one outage, and commands fail in bounded time', async () => {
  let downs = 0;
  let ups = 0;
  const clients = clientsFor(
    { cluster: cluster.addresses, connectTimeoutMs: 1000, commandTimeoutMs: 1000 },
    { onDown: () => downs++, onUp: () => ups++ },
  );
  const commands = clients.commands('session');
  await clients.ready();
  for (const node of cluster.nodes) node.pause();
  await expect(commands.get('x')).rejects.toThrow();
  await until(async () => clients.state === 'down', 'the clients notice');
  for (const node of cluster.nodes) node.resume();
  await until(async () => clients.state === 'up', 'the clients are back');
  await cluster.settled();
  expect(await commands.set('x', 'y')).toBe('OK');
  expect({ downs, ups }).toEqual({ downs: 1, ups: 1 });
  await clients.close();
});
