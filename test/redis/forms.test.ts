import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { checkRedis, createRedisClients, type RedisClients, resolveRedisSettings } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { RecordingLog } from '../support/redis-log';
import { RedisProxy } from '../support/redis-proxy';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer, type RedisServerOptions } from '../support/redis-server';
import { clientsFor, expectRoundTrips } from './round-trip';

const SECRET = 'pa@ss:wo/rd?#%';

const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await (each.close?.() ?? each.stop?.());
});

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  opened.push(server);
  return server;
}

function open(...args: Parameters<typeof clientsFor>): RedisClients {
  const clients = clientsFor(...args);
  opened.push(clients);
  return clients;
}

describe('every form of setting serves keys and messages', () => {
  test('an address', async () => {
    const server = await start();
    await expectRoundTrips(open(server.url));
    expect(await server.cli('KEYS', '*')).toContain('flotilla:a');
  });

  test('host and port, a password with special characters, a database', async () => {
    const server = await start({ password: SECRET });
    await expectRoundTrips(open({ host: server.host, port: server.port, password: SECRET, db: 3, namespace: 'shop' }));
    expect(await server.cli('-n', '3', 'GET', 'shop:a')).toBe('value of a');
  });

  test('a Unix domain socket', async () => {
    const server = await start({ args: ['--unixsocket', 'redis.sock'] });
    await expectRoundTrips(open(`unix://${server.folder}/redis.sock`));
  });

  test('C15: one rediss:// address with user and password, and the certificate authority', async () => {
    const server = await start({ tls: true, user: { name: 'app', password: SECRET } });
    const log = new RecordingLog();
    const clients = open(server.url, { log }, { FLOTILLA_REDIS_CA: server.certificates?.caFile });
    await expectRoundTrips(clients);
    expect(await checkRedis(clients.settings)).toMatchObject({ role: 'master', mode: 'standalone' });
    expect(log.text).toContain(`info Connected to Redis at rediss://app:***@127.0.0.1:${server.port}`);
    for (const printed of [
      log.text,
      inspect(clients, { depth: 9 }),
      inspect(clients.commands('x'), { depth: 9 }),
      JSON.stringify(clients.clients()),
    ]) {
      expect(printed).not.toContain(SECRET);
      expect(printed).not.toContain(encodeURIComponent(SECRET));
    }
  });

  test('TLS with a client certificate', async () => {
    const server = await start({ tls: 'client' });
    const { caFile: ca, clientCertFile: cert, clientKeyFile: key } = server.certificates ?? {};
    await expectRoundTrips(open({ url: `rediss://localhost:${server.port}`, tls: { ca, cert, key } }));
  });

  test('settings of sails-hook-sockets', async () => {
    const server = await start({ password: SECRET });
    const settings = resolveRedisSettings({
      env: {},
      sockets: { adapter: '@sailshq/socket.io-redis', host: server.host, port: server.port, pass: SECRET },
    });
    if (!settings) throw new Error('no settings');
    const clients = createRedisClients(settings);
    opened.push(clients);
    await expectRoundTrips(clients);
  });

  test('Redis Cluster: keys and sharded channels on all nodes, plain channels on one', async () => {
    const cluster = await RedisCluster.start({ password: SECRET });
    opened.push(cluster);
    const clients = open(cluster.url);
    await expectRoundTrips(clients);
    expect(await checkRedis(clients.settings)).toMatchObject({ mode: 'cluster', shardedPubSub: true });
    const subscribed = await Promise.all(
      cluster.nodes.map(
        async (node) => (await node.clientNames()).filter((name) => name.includes('ssubscriber')).length,
      ),
    );
    expect(subscribed).toEqual([1, 1, 1]);
    expect(inspect(clients.commands('x'), { depth: 9 })).not.toContain(SECRET);
  });

  test('Redis Cluster behind other addresses (natMap)', async () => {
    const cluster = await RedisCluster.start();
    opened.push(cluster);
    const proxies = await Promise.all(cluster.nodes.map((node) => RedisProxy.start(node)));
    opened.push(...proxies);
    const natMap = Object.fromEntries(
      cluster.nodes.map((node, index) => [`127.0.0.1:${node.port}`, { host: '127.0.0.1', port: proxies[index]?.port }]),
    );
    const clients = open({ cluster: proxies.map((proxy) => `127.0.0.1:${proxy.port}`), natMap });
    await expectRoundTrips(clients);
    for (const proxy of proxies) expect(proxy.connections).toBeGreaterThan(0);
  });

  test('Sentinel, with both passwords', async () => {
    const sentinel = await RedisSentinel.start({ password: SECRET, sentinelPassword: 'sent@:/inel' });
    opened.push(sentinel);
    const clients = open(sentinel.url);
    await expectRoundTrips(clients);
    expect(await checkRedis(clients.settings)).toMatchObject({ role: 'master' });
  });
});
