import { once } from 'node:events';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkRedis, RedisConnectionError, resolveRedisSettings } from '../../dist/redis';
import { RedisCluster } from '../support/redis-cluster';
import { RecordingLog } from '../support/redis-log';
import { RedisProxy } from '../support/redis-proxy';
import { RedisSentinel } from '../support/redis-sentinel';
import { RedisServer } from '../support/redis-server';
import { clientsFor, expectRoundTrips } from './round-trip';

const SECRET = 'hunter2@:/x';
const WRONG = 'wrong-hunter3';

let plain: RedisServer;
let secured: RedisServer;
let mutual: RedisServer;
let replica: RedisServer;
let cluster: RedisCluster;
let sentinel: RedisSentinel;
/** Of a service that nobody runs any more; a port that is merely free now may be taken by another test. */
const deadPort = 1;

beforeAll(async () => {
  [plain, secured, mutual, cluster, sentinel] = await Promise.all([
    RedisServer.start(),
    RedisServer.start({ tls: true, user: { name: 'app', password: SECRET } }),
    RedisServer.start({ tls: 'client' }),
    RedisCluster.start(),
    RedisSentinel.start({ password: SECRET, sentinelPassword: SECRET }),
  ]);
  replica = await RedisServer.start({ args: ['--replicaof', '127.0.0.1', String(plain.port)] });
});
afterAll(() => Promise.all([plain, secured, mutual, replica, cluster, sentinel].map((each) => each?.stop())));

/** @param withinMs how long Redis has to answer; a busy machine takes its time */
async function troubleOf(code: unknown, env: NodeJS.ProcessEnv = {}, withinMs = 10_000): Promise<RedisConnectionError> {
  const settings = resolveRedisSettings({ code, env });
  if (!settings) throw new Error('no settings');
  try {
    await checkRedis(settings, withinMs);
  } catch (error) {
    if (error instanceof RedisConnectionError) return error;
    throw error;
  }
  throw new Error('the server was taken');
}

interface Case {
  code: () => unknown;
  env?: () => NodeJS.ProcessEnv;
  withinMs?: number;
  expected: [string, RegExp];
}

const cases: Record<string, Case> = {
  'C15: the certificate authority is missing': {
    code: () => secured.url,
    expected: ['E_REDIS_CERTIFICATE', /no known authority signed.*Set FLOTILLA_REDIS_CA \(or tls\.ca\)/],
  },
  'the certificate is for another name': {
    code: () => ({ url: secured.url, tls: { ca: secured.certificates?.caFile, servername: 'redis.example' } }),
    expected: ['E_REDIS_CERTIFICATE', /for another name.*FLOTILLA_REDIS_SERVERNAME/],
  },
  'a client certificate is missing': {
    code: () => ({ url: mutual.url, tls: { ca: mutual.certificates?.caFile } }),
    expected: ['E_REDIS_CERTIFICATE', /client certificate.*FLOTILLA_REDIS_CERT and FLOTILLA_REDIS_KEY/],
  },
  'TLS to a server without': {
    code: () => `rediss://127.0.0.1:${plain.port}`,
    // It never answers.
    withinMs: 2_000,
    expected: ['E_REDIS_UNREACHABLE', /cannot be reached.*If this port speaks no TLS, write redis:\/\//],
  },
  'plain text to a server with TLS': {
    code: () => `redis://127.0.0.1:${secured.port}`,
    expected: ['E_REDIS_UNREACHABLE', /closed the connection before it was ready.*rediss:\/\//],
  },
  'a wrong password': {
    code: () => ({ url: `rediss://app:${WRONG}@127.0.0.1:${secured.port}`, tls: { ca: secured.certificates?.caFile } }),
    expected: ['E_REDIS_AUTH', /refuses the login \(WRONGPASS.*Check user name and password \(percent-encoded/],
  },
  'no password': {
    code: () => ({ url: `rediss://127.0.0.1:${secured.port}`, tls: { ca: secured.certificates?.caFile } }),
    expected: ['E_REDIS_AUTH', /refuses the login \(.*NOAUTH/],
  },
  'nobody listens': {
    code: () => `redis://:${WRONG}@127.0.0.1:${deadPort}`,
    expected: ['E_REDIS_UNREACHABLE', /cannot be reached \(connect ECONNREFUSED.*Check that it runs/],
  },
  'a host that does not exist': {
    code: () => `redis://:${WRONG}@no-such-host.invalid`,
    expected: ['E_REDIS_UNREACHABLE', /no-such-host\.invalid:6379 .*(ENOTFOUND|EAI_AGAIN)/],
  },
  'a node of a cluster': {
    code: () => cluster.nodes[0]?.url,
    expected: ['E_REDIS_SERVER', /is a node of a Redis Cluster.*redis\+cluster:\/\//],
  },
  'a single server in place of a cluster': {
    code: () => `redis+cluster://127.0.0.1:${plain.port}`,
    expected: ['E_REDIS_SERVER', /is no Redis Cluster.*redis:\/\/host:6379/],
  },
  'a Sentinel in place of a server': {
    code: () => ({ host: '127.0.0.1', port: sentinel.sentinelPorts[0], password: SECRET }),
    expected: ['E_REDIS_SERVER', /is a Sentinel.*redis\+sentinel/],
  },
  'a replica': {
    code: () => replica.url,
    expected: ['E_REDIS_SERVER', /is a replica.*address of the master/],
  },
  'a master that the Sentinels do not know': {
    code: () => sentinel.url.replace('/mymaster', '/other'),
    expected: ['E_REDIS_SERVER', /know no master of this name.*Check name/],
  },
  'a wrong password of the Sentinels': {
    code: () => sentinel.url.replace(/sentinelPassword=.*/, `sentinelPassword=${WRONG}`),
    expected: ['E_REDIS_AUTH', /WRONGPASS.*Check sentinelPassword/],
  },
  'no Sentinel listens': {
    code: () => `redis+sentinel://:${WRONG}@127.0.0.1:${deadPort}/mymaster`,
    expected: ['E_REDIS_UNREACHABLE', /no Sentinel leads to a master\. Check that the Sentinels run/],
  },
  'a wrong password behind the Sentinels': {
    code: () => sentinel.url.replace(/:\/\/[^@]*@/, `://:${WRONG}@`),
    expected: ['E_REDIS_AUTH', /WRONGPASS.*Check user name and password/],
  },
};

describe('what keeps Redis from serving is said with the setting and the cure, and without a secret', () => {
  test.each(Object.entries(cases))('%s', async (_name, { code, env, withinMs, expected }) => {
    const error = await troubleOf(code(), env?.(), withinMs);
    expect(error.message).toMatch(expected[1]);
    expect(error.code).toBe(expected[0]);
    expect(error.message).toMatch(/sails\.config\.flotilla\.redis|\(sails/);
    expect(inspect(error)).not.toMatch(/hunter/);
  });

  test('a server that accepts and never answers', async () => {
    const proxy = await RedisProxy.start(plain);
    proxy.freeze();
    const settings = resolveRedisSettings({ code: `redis://127.0.0.1:${proxy.port}`, env: {} });
    if (!settings) throw new Error('no settings');
    await expect(checkRedis(settings, 300)).rejects.toMatchObject({
      code: 'E_REDIS_UNREACHABLE',
      message: expect.stringMatching(/no answer in 300 ms/),
    });
    await proxy.stop();
  });
});

test('a port that answers TLS with plain text', async () => {
  const server = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const error = await troubleOf(`rediss://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  expect(error.code).toBe('E_REDIS_TLS');
  expect(error.message).toMatch(/does not answer in TLS.*redis:\/\/ for plain text/);
  server.close();
});

describe('clients that cannot connect', () => {
  test.each([
    'C15: the certificate authority is missing',
    'a wrong password',
    'nobody listens',
    'a wrong password of the Sentinels',
    'a single server in place of a cluster',
  ])('%s: one clear line in the log, commands that fail in bounded time, no secret anywhere', async (name) => {
    const { code, env, expected } = cases[name] as Case;
    const log = new RecordingLog();
    const clients = clientsFor(code(), { log }, env?.());
    const commands = clients.commands('session');
    const publisher = clients.publisher('publish');
    const errors = await Promise.all([
      commands.get('x').catch((error: unknown) => error),
      publisher.publish('x', 'y').catch((error: unknown) => error),
    ]);
    await log.line(expected[1]);
    expect(clients.state).toBe('connecting');
    expect(log.lines.filter((line) => line.startsWith('error') && expected[1].test(line))).toHaveLength(1);
    expect(clients.trouble?.code).toBe(expected[0]);
    for (const error of errors) expect(error).toBeInstanceOf(Error);
    expect(`${log.text}${inspect(errors, { depth: 9 })}${inspect(clients, { depth: 9 })}`).not.toMatch(/hunter/);
    await clients.close();
  });

  test('a user without the right to a channel', async () => {
    await plain.cli('ACL', 'SETUSER', 'narrow', 'on', `>${SECRET}`, '~*', '&flotilla:*', '+@all');
    const clients = clientsFor({ host: plain.host, port: plain.port, username: 'narrow', password: SECRET });
    const subscriber = clients.subscriber('subscribe', () => undefined);
    await subscriber.subscribe('flotilla:mine');
    await expect(subscriber.subscribe('other:theirs')).rejects.toMatchObject({
      code: 'E_REDIS_AUTH',
      message: expect.stringMatching(/NOPERM/),
    });
    expect(subscriber.channels).toBe(1);
    await clients.close();
  });

  test('the smallest rights that docs/redis.md names are enough', async () => {
    await plain.cli(
      ...['ACL', 'SETUSER', 'least', 'on', `>${SECRET}`, '~flotilla:*', '&flotilla:*', '-@all'],
      ...[
        '+ping',
        '+info',
        '+client|setname',
        '+select',
        '+get',
        '+set',
        '+subscribe',
        '+unsubscribe',
        '+ssubscribe',
        '+sunsubscribe',
        '+publish',
        '+spublish',
      ],
    );
    const clients = clientsFor({ host: plain.host, port: plain.port, username: 'least', password: SECRET });
    await expectRoundTrips(clients);
    await clients.close();
  });
});
