import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { RedisConnectionError } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { until } from '../support/redis-process';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { clientsFor, expectRoundTrips } from './round-trip';

/** Runs in a process of its own, which has to end by itself. */
const SCRIPT = `
const { createRedisClients, resolveRedisSettings } = require(process.argv[1]);
(async () => {
  const resources = [];
  for (let round = 0; round < 20; round++) {
    const clients = createRedisClients(resolveRedisSettings({ code: process.argv[2], env: {} }));
    clients.commands('session');
    clients.publisher('publish');
    clients.shardedPublisher('spublish');
    const subscribers = [clients.subscriber('subscribe', () => {}), clients.shardedSubscriber('ssubscribe', () => {})];
    if (process.argv[3] === 'ready') {
      await clients.ready();
      await Promise.all(subscribers.map((each) => each.subscribe('one', 'two')));
    } else {
      for (const each of subscribers) each.subscribe('one', 'two');
      await new Promise((resolve) => setTimeout(resolve, round * 10));
    }
    await clients.close();
    resources.push(process.getActiveResourcesInfo().filter((name) => /Timeout|TCP|TLS|Pipe/.test(name) && !/^PipeWrap$/.test(name)).length);
  }
  const closed = Date.now();
  process.on('exit', () => console.log(JSON.stringify({ resources, lingered: Date.now() - closed })));
})();
`;

async function rounds(
  url: string,
  until: 'ready' | 'any time',
): Promise<{ resources: number[]; lingered: number; stderr: string }> {
  const dist = join(__dirname, '../../dist/redis');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-e', SCRIPT, dist, url, until]);
  return { ...JSON.parse(stdout), stderr };
}

test('C22: twenty rounds on a server leave no socket, no timer and no listener, and the process ends by itself', async () => {
  const server = await RedisServer.start({ password: 'p' });
  const { resources, lingered, stderr } = await rounds(server.url, 'ready');
  expect(resources).toEqual(Array(20).fill(0));
  expect(lingered).toBeLessThan(2000);
  expect(stderr).toBe('');
  await until(async () => (await server.clientNames()).length === 0, 'no connection is left');
  await server.stop();
});

test('C22: closing at any time of connecting, to a server and to nobody', async () => {
  const server = await RedisServer.start();
  expect((await rounds(server.url, 'any time')).lingered).toBeLessThan(2000);
  await server.stop();
  const { lingered, stderr } = await rounds(server.url, 'any time');
  expect(lingered).toBeLessThan(2000);
  expect(stderr).toBe('');
});

test('C22: twenty rounds on a cluster and on Sentinels', async () => {
  const cluster = await RedisCluster.start();
  const onCluster = await rounds(cluster.url, 'ready');
  // The sharded subscribers' sockets are closing when close() returns: those of one round at the most, not of twenty.
  expect(Math.max(...onCluster.resources)).toBeLessThan(20);
  expect(onCluster.lingered).toBeLessThan(3000);
  expect(onCluster.stderr).toBe('');
  await cluster.stop();
  const sentinel = await RedisSentinel.start();
  const onSentinel = await rounds(sentinel.url, 'ready');
  // As may be those that asked a Sentinel for the master.
  expect(Math.max(...onSentinel.resources)).toBeLessThan(20);
  expect(onSentinel.lingered).toBeLessThan(2000);
  await sentinel.stop();
});

test('what is under way is sent before the connection closes', async () => {
  const server = await RedisServer.start();
  const clients = clientsFor(server.url);
  const commands = clients.commands('session');
  await clients.ready();
  const writes = Array.from({ length: 100 }, (_, index) => commands.set(`key${index}`, 'x'));
  await clients.close();
  await Promise.all(writes);
  expect(await server.cli('DBSIZE')).toBe('100');
  await server.stop();
});

test('commands that wait for a server that is gone fail when the clients are closed', async () => {
  const server = await RedisServer.start();
  const clients = clientsFor(server.url);
  const commands = clients.commands('session');
  await clients.ready();
  const subscribed = clients.subscriber('subscribe', () => undefined).subscribe('x');
  await server.kill();
  const waiting = commands.get('x').catch((error: unknown) => error);
  await clients.close();
  expect(await waiting).toBeInstanceOf(Error);
  await subscribed;
  await server.stop();
});

test('after closing', async () => {
  const server = await RedisServer.start();
  const clients = clientsFor(server.url);
  const subscriber = clients.subscriber('subscribe', () => undefined);
  await clients.close();
  await clients.close();
  await clients.ready();
  expect(clients.state).toBe('closed');
  expect(() => clients.commands('session')).toThrow(RedisConnectionError);
  await expect(subscriber.subscribe('x')).rejects.toMatchObject({ code: 'E_REDIS_CLOSED' });
  await server.stop();
});

test('several sets of clients in one process know nothing of each other', async () => {
  const [one, two] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  const [first, second] = [clientsFor(one.url), clientsFor(two.url)];
  await expectRoundTrips(first);
  await expectRoundTrips(second);
  await one.kill();
  await until(async () => first.state === 'down', 'the first is down');
  expect(second.state).toBe('up');
  await Promise.all([first.close(), second.close()]);
  await Promise.all([one.stop(), two.stop()]);
});
