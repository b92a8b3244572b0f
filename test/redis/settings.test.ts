import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  RedisSettingError,
  RedisSettings,
  type RedisSources,
  readRedisCallbacks,
  resolveRedisSettings,
} from '../../dist/redis';
import { type Certificates, makeCertificates } from '../support/redis-certificates';

const SECRET = 'hunter2@:/%?#';
const ENCODED = encodeURIComponent(SECRET);

function resolve(sources: RedisSources): RedisSettings {
  const settings = resolveRedisSettings({ env: {}, ...sources });
  if (!settings) throw new Error('no settings');
  return settings;
}

function errorOf(sources: RedisSources): RedisSettingError {
  try {
    resolveRedisSettings({ env: {}, ...sources });
  } catch (error) {
    if (error instanceof RedisSettingError) return error;
    throw error;
  }
  throw new Error('the setting was taken');
}

let folder: string;
let certificates: Certificates;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flotilla-settings-'));
  certificates = await makeCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('addresses', () => {
  test.each([
    ['redis://cache.example', { mode: 'single', nodes: [{ host: 'cache.example', port: 6379 }], db: 0 }],
    ['redis://10.0.0.1:6380/3', { nodes: [{ host: '10.0.0.1', port: 6380 }], db: 3 }],
    ['redis://[::1]:6380', { nodes: [{ host: '::1', port: 6380 }] }],
    [`redis://:${ENCODED}@h`, { password: SECRET, nodes: [{ host: 'h', port: 6379 }] }],
    [`redis://app:${ENCODED}@h`, { username: 'app', password: SECRET }],
    ['redis://app:a:b@h', { username: 'app', password: 'a:b' }],
    ['redis://app:a@b@h', { username: 'app', password: 'a@b', nodes: [{ host: 'h', port: 6379 }] }],
    [`rediss://app:${ENCODED}@h:6390/2?family=6`, { tls: {}, username: 'app', password: SECRET, db: 2, family: 6 }],
    ['REDIS://h?db=4&namespace=shop', { db: 4, namespace: 'shop', keyPrefix: 'shop:', channelPrefix: 'shop:' }],
    ['unix:///run/redis.sock?db=1', { mode: 'single', socketPath: '/run/redis.sock', db: 1 }],
    [
      `redis+sentinel://app:${ENCODED}@s1,s2:26380/mymaster/2?sentinelPassword=${ENCODED}`,
      {
        mode: 'sentinel',
        masterName: 'mymaster',
        nodes: [
          { host: 's1', port: 26379 },
          { host: 's2', port: 26380 },
        ],
        db: 2,
        password: SECRET,
        sentinelPassword: SECRET,
      },
    ],
    [
      'rediss+cluster://n1:7000,n2:7001',
      {
        mode: 'cluster',
        tls: {},
        nodes: [
          { host: 'n1', port: 7000 },
          { host: 'n2', port: 7001 },
        ],
      },
    ],
  ])('%s', (url, expected) => {
    expect(resolve({ env: { FLOTILLA_REDIS_URL: url } }).toDocument()).toMatchObject(expected);
    expect(resolve({ code: url }).toDocument()).toMatchObject(expected);
    expect(resolve({ code: { url } }).toDocument()).toMatchObject(expected);
  });
});

describe('objects', () => {
  test.each([
    [
      { host: 'h', port: '6380', username: 'u', password: SECRET, db: 2 },
      { mode: 'single', nodes: [{ host: 'h', port: 6380 }], password: SECRET, db: 2 },
    ],
    [{ port: 6380 }, { nodes: [{ host: '127.0.0.1', port: 6380 }] }],
    [{ path: '/run/redis.sock' }, { socketPath: '/run/redis.sock' }],
    [
      { url: 'redis://h', password: SECRET, tls: true },
      { nodes: [{ host: 'h', port: 6379 }], password: SECRET, tls: {} },
    ],
    [
      {
        sentinels: [{ host: 's1', port: 1 }, 's2'],
        name: 'm',
        password: 'p',
        sentinelUsername: 'su',
        sentinelPassword: 'sp',
        sentinelTls: false,
        tls: true,
      },
      {
        mode: 'sentinel',
        masterName: 'm',
        nodes: [
          { host: 's1', port: 1 },
          { host: 's2', port: 26379 },
        ],
        sentinelUsername: 'su',
        sentinelPassword: 'sp',
        sentinelTls: false,
      },
    ],
    [
      {
        cluster: ['n1:7000', { host: 'n2' }],
        natMap: { '10.0.0.1:7000': { host: 'n1', port: 7000 } },
        keyPrefix: 'k:',
        channelPrefix: 'c:',
      },
      {
        mode: 'cluster',
        natMap: { '10.0.0.1:7000': { host: 'n1', port: 7000 } },
        keyPrefix: 'k:',
        channelPrefix: 'c:',
      },
    ],
    [
      { host: 'h', connectTimeoutMs: 700, commandTimeoutMs: '900' },
      { connectTimeoutMs: 700, commandTimeoutMs: 900 },
    ],
  ])('%o', (code, expected) => {
    expect(resolve({ code }).toDocument()).toMatchObject(expected);
  });

  test('certificates come as a path, as text, as a buffer, and from the environment', () => {
    const { caFile, clientCertFile, clientKeyFile } = certificates;
    const fromPaths = resolve({
      code: { url: 'rediss://h', tls: { ca: caFile, cert: clientCertFile, key: clientKeyFile, servername: 'x' } },
    });
    const tls = fromPaths.toDocument().tls;
    const ca = tls?.ca?.[0] ?? '';
    expect(ca).toMatch(/^-----BEGIN CERTIFICATE/);
    expect(tls?.key).toMatch(/PRIVATE KEY/);
    expect(resolve({ code: { url: 'rediss://h', tls: { ca: Buffer.from(ca) } } }).toDocument().tls?.ca).toEqual([ca]);
    expect(
      resolve({ code: { url: 'rediss://h', tls: { ca: [ca.replaceAll('\n', '\\n')] } } }).toDocument().tls?.ca,
    ).toEqual([ca]);
    const fromEnvironment = resolve({
      env: {
        FLOTILLA_REDIS_URL: 'rediss://h',
        FLOTILLA_REDIS_CA: caFile,
        FLOTILLA_REDIS_CERT: clientCertFile,
        FLOTILLA_REDIS_KEY: clientKeyFile,
        FLOTILLA_REDIS_SERVERNAME: 'x',
      },
    });
    expect(fromEnvironment.equals(fromPaths)).toBe(true);
  });
});

describe('sources', () => {
  test('nothing set means no Redis, and so does `false` whatever else is set', () => {
    expect(resolveRedisSettings({ env: {} })).toBeUndefined();
    expect(resolveRedisSettings({ env: { FLOTILLA_REDIS_URL: '' }, sockets: {} })).toBeUndefined();
    expect(resolveRedisSettings({ code: false, env: { FLOTILLA_REDIS_URL: 'redis://h' } })).toBeUndefined();
  });

  test('code goes before the environment, the environment before the old settings', () => {
    const env = { FLOTILLA_REDIS_URL: 'redis://env' };
    const sockets = { adapter: '@sailshq/socket.io-redis', url: 'redis://old' };
    expect(resolve({ code: 'redis://code', env, sockets }).source).toBe('sails.config.flotilla.redis');
    expect(`${resolve({ code: 'redis://code', env, sockets })}`).toBe('redis://code:6379');
    expect(resolve({ env, sockets }).source).toBe('FLOTILLA_REDIS_URL');
    expect(resolve({ sockets }).source).toBe('sails.config.sockets.url');
  });

  test('code may leave the address to the environment', () => {
    const settings = resolve({
      code: { namespace: 'shop' },
      env: { FLOTILLA_REDIS_URL: 'redis://env', FLOTILLA_NAMESPACE: 'other' },
    });
    expect(`${settings} ${settings.namespace}`).toBe('redis://env:6379 shop');
  });

  test('passwords may come from the environment by themselves', () => {
    const env = {
      FLOTILLA_REDIS_USERNAME: 'app',
      FLOTILLA_REDIS_PASSWORD: SECRET,
      FLOTILLA_REDIS_SENTINEL_PASSWORD: 'sp',
      FLOTILLA_NAMESPACE: 'shop',
    };
    const document = resolve({ code: 'redis+sentinel://s/m', env }).toDocument();
    expect(document).toMatchObject({
      username: 'app',
      password: SECRET,
      sentinelPassword: 'sp',
      namespace: 'shop',
      keyPrefix: 'shop:',
    });
    expect(resolve({ code: 'redis://:own@h', env: { FLOTILLA_REDIS_PASSWORD: SECRET } }).toDocument().password).toBe(
      'own',
    );
  });

  test.each([
    [{ adapter: 'redis' }, { nodes: [{ host: '127.0.0.1', port: 6379 }] }],
    [
      { adapter: 'socket.io-redis', host: 'h', port: 6380, pass: SECRET, db: 2, key: 'shop' },
      { nodes: [{ host: 'h', port: 6380 }], password: SECRET, db: 2, namespace: 'shop' },
    ],
    [
      { adapter: '@sailshq/socket.io-redis', adapterOptions: { host: 'h', pass: SECRET } },
      { nodes: [{ host: 'h', port: 6379 }], password: SECRET },
    ],
    [
      { adapter: '@sailshq/socket.io-redis', url: `rediss://app:${ENCODED}@h:6390/1`, host: 'ignored' },
      { tls: {}, username: 'app', password: SECRET, db: 1, nodes: [{ host: 'h', port: 6390 }] },
    ],
  ])('settings of sails-hook-sockets: %o', (sockets, expected) => {
    expect(resolve({ sockets }).toDocument()).toMatchObject(expected);
  });

  test('other adapters keep their settings to themselves', () => {
    expect(resolveRedisSettings({ env: {}, sockets: { host: 'h', url: 'redis://h' } })).toBeUndefined();
    expect(resolveRedisSettings({ env: {}, sockets: { adapter: 'some-adapter', url: 'redis://h' } })).toBeUndefined();
  });

  test('onRedisDisconnect and onRedisReconnect', () => {
    let calls = 0;
    const callbacks = readRedisCallbacks({
      onRedisDisconnect: () => calls++,
      adapterOptions: { onRedisReconnect: () => calls++ },
    });
    callbacks.onRedisDisconnect?.();
    callbacks.onRedisReconnect?.();
    expect(calls).toBe(2);
    expect(() => readRedisCallbacks({ onRedisReconnect: 'yes' })).toThrow(
      /sails\.config\.sockets\.onRedisReconnect is "yes".*Write a function/,
    );
  });
});

describe('bad settings name themselves, their value and the cure, and no secret', () => {
  const code = 'sails.config.flotilla.redis';
  test.each<[string, RedisSources, RegExp]>([
    ['not an address', { code: 'localhost:6379' }, new RegExp(`^${code} is "localhost:6379": .*Write redis://`)],
    [
      'a foreign scheme',
      { env: { FLOTILLA_REDIS_URL: `http://u:${ENCODED}@h` } },
      /^FLOTILLA_REDIS_URL is "http:\/\/\*\*\*@h": the scheme "http:".*Write redis:\/\//,
    ],
    [
      'a port out of range',
      { env: { FLOTILLA_REDIS_URL: 'redis://h:70000' } },
      /^FLOTILLA_REDIS_URL is "redis:\/\/h:\*\*\*": .*1 to 65535/,
    ],
    ['no host', { code: `redis://app:${ENCODED}` }, /is "redis:\/\/\*\*\*": a host or a port/],
    [
      'a password that is not encoded',
      { env: { FLOTILLA_REDIS_URL: 'redis://app:hunter2/x@h:6379' } },
      /^FLOTILLA_REDIS_URL is "redis:\/\/\*\*\*@h:6379": .*%40/,
    ],
    [
      'a password with #',
      { env: { FLOTILLA_REDIS_URL: 'redis://app:hunter2#x@h:6379' } },
      /"redis:\/\/\*\*\*@h:6379": .*%23/,
    ],
    ['a lonely %', { code: 'redis://app:hunter2%x@h' }, /begins no percent-encoding.*%25/],
    [
      'a database that is no number',
      { code: 'redis://h/shop' },
      /"redis:\/\/h:?.*\/shop": the database is not a number/,
    ],
    [
      'an unknown parameter',
      { code: 'redis://h?ssl=hunter2' },
      /"redis:\/\/h\?ssl=\*\*\*": .*parameters are db, family/,
    ],
    ['several hosts without saying what', { code: 'redis://a,b' }, /several hosts.*redis\+sentinel/],
    ['Sentinels without a name', { code: 'redis+sentinel://a,b' }, /name of the master is missing.*mymaster/],
    [
      'a cluster with a database',
      { code: { cluster: ['a:1'], db: 2 } },
      /db is 2, but a Redis Cluster has only database 0.*Leave db out/,
    ],
    [
      'a user without a password',
      { code: 'redis://app@h' },
      /user name "app", but no password.*FLOTILLA_REDIS_PASSWORD/,
    ],
    ['not an object', { code: 6379 }, new RegExp(`^${code} is 6379: this is neither an address nor an object`)],
    [
      'an unknown key',
      { code: { host: 'h', colour: 'hunter2' } },
      new RegExp(`^${code}.colour is \\*\\*\\*: there is no such setting. The settings are url, host`),
    ],
    [
      "another library's key",
      { code: { host: 'h', pass: 'hunter2' } },
      /redis\.pass is \*\*\*: .*It is called password here/,
    ],
    ['TLS keys outside tls', { code: { host: 'h', ca: 'x' } }, /redis\.ca is .*Write it as tls\.ca/],
    [
      'a bad port',
      { code: { host: 'h', port: 'x' } },
      new RegExp(`^${code}.port is "x": this is no port. Write a number from 1`),
    ],
    [
      'an address in host',
      { code: { host: 'redis://:hunter2@h' } },
      new RegExp(`^${code}.host is "redis://\\*\\*\\*@h": .*whole address goes into url`),
    ],
    [
      'a password that is a number',
      { code: { host: 'h', password: 20022002 } },
      new RegExp(`^${code}.password is \\*\\*\\*: this is a number`),
    ],
    [
      'two places',
      { code: { url: 'redis://:hunter2@h', host: 'h' } },
      /an object with url "redis:\/\/\*\*\*@h" and host: .*Keep one/,
    ],
    ['a port beside an address', { code: { url: 'redis://h', port: 1 } }, /redis\.port is 1: it goes only with host/],
    [
      'a bad node',
      { code: { cluster: ['ok:1', 'bad:x'] } },
      new RegExp(`^${code}.cluster\\[1\\] is "\\*\\*\\*": this is no node`),
    ],
    ['a name without Sentinels', { code: { host: 'h', name: 'm' } }, /redis\.name is "m": only Sentinels/],
    [
      'a function as NAT map',
      { code: { cluster: ['a:1'], natMap: () => null } },
      /natMap is a function: .*announced address on the left/,
    ],
    ['a time of no use', { code: { host: 'h', commandTimeoutMs: 1 } }, /commandTimeoutMs is 1: .*from 50 to 600000/],
    [
      'a missing certificate file',
      { code: { url: 'rediss://h', tls: { ca: '/no/such/ca.pem' } } },
      /tls\.ca is "\/no\/such\/ca\.pem": the file cannot be read \(ENOENT\)/,
    ],
    [
      'a missing certificate file in the environment',
      { env: { FLOTILLA_REDIS_URL: 'rediss://h', FLOTILLA_REDIS_CA: '/no/ca.pem' } },
      /^FLOTILLA_REDIS_CA is "\/no\/ca\.pem": the file cannot be read/,
    ],
    [
      'PEM that is none',
      { code: { url: 'rediss://h', tls: { ca: '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n' } } },
      /tls\.ca is \*\*\*: OpenSSL cannot load it/,
    ],
    [
      'a key in place of its path',
      { code: { url: 'rediss://h', tls: { key: 'MHcCAQEEIhunter2', cert: 'x' } } },
      /tls\.cert is \*\*\*: the file cannot be read/,
    ],
    [
      'certificates without TLS',
      { env: { FLOTILLA_REDIS_URL: 'redis://h', FLOTILLA_REDIS_CA: '/ca.pem' } },
      /^FLOTILLA_REDIS_CA is \*\*\*: .*FLOTILLA_REDIS_URL does not use TLS.*rediss:\/\//,
    ],
    [
      'tls: false beside rediss://',
      { code: { url: 'rediss://h', tls: false } },
      /tls is false: the address says rediss/,
    ],
    [
      'a namespace with a space',
      { env: { FLOTILLA_REDIS_URL: 'redis://h', FLOTILLA_NAMESPACE: 'my shop' } },
      /^FLOTILLA_NAMESPACE is "my shop": .*such as shop-production/,
    ],
    ['details without a place', { code: { namespace: 'shop' } }, /does not say where Redis is.*FLOTILLA_REDIS_URL/],
    [
      'an old database',
      { sockets: { adapter: 'redis', db: 'x' } },
      /^sails\.config\.sockets\.db is "x": .*whole number/,
    ],
    [
      'an old port',
      { sockets: { adapter: 'redis', adapterOptions: { port: -1 } } },
      /^sails\.config\.sockets\.adapterOptions\.port is -1: /,
    ],
    [
      'an old address',
      { sockets: { adapter: 'redis', url: 'https://:hunter2@h' } },
      /^sails\.config\.sockets\.url is "https:\/\/\*\*\*@h": /,
    ],
  ])('%s', (_name, sources, expected) => {
    const error = errorOf(sources);
    expect(error.code).toBe('E_REDIS_SETTING');
    expect(error.message).toMatch(expected);
    for (const text of [error.message, inspect(error), JSON.stringify(error), String(error.stack).split('\n')[0]]) {
      expect(text).not.toMatch(/hunter2|20022002/);
    }
  });

  test('a client certificate without its key', () => {
    const { clientCertFile } = certificates;
    expect(errorOf({ code: { url: 'rediss://h', tls: { cert: clientCertFile } } }).message).toMatch(
      /tls\.key is missing: .*needs both cert and key/,
    );
    expect(errorOf({ env: { FLOTILLA_REDIS_URL: 'rediss://h', FLOTILLA_REDIS_CERT: clientCertFile } }).message).toMatch(
      /^FLOTILLA_REDIS_KEY is missing/,
    );
  });

  test('a key that belongs to another certificate', () => {
    const { clientCertFile, keyFile } = certificates;
    expect(errorOf({ code: { url: 'rediss://h', tls: { cert: clientCertFile, key: keyFile } } }).message).toMatch(
      /tls\.key is \*\*\*: OpenSSL cannot load it \(.*mismatch/,
    );
  });

  test('a file that holds no PEM', () => {
    const file = join(folder, 'empty.pem');
    writeFileSync(file, 'nothing');
    expect(errorOf({ code: { url: 'rediss://h', tls: { ca: file } } }).message).toMatch(/the file holds no PEM text/);
  });
});

describe('settings keep their secrets', () => {
  const settings = () =>
    resolve({
      code: {
        url: `rediss+sentinel://app:${ENCODED}@s1,s2/m/3`,
        sentinelPassword: SECRET,
        tls: { cert: certificates.clientCertFile, key: certificates.clientKeyFile },
      },
    });

  test('however they are printed', () => {
    const printed = [
      String(settings()),
      JSON.stringify({ settings: settings() }),
      inspect(settings(), { depth: null, showHidden: true }),
      inspect({ deep: { settings: settings() } }, { depth: null }),
      JSON.stringify(Object.entries(settings())),
      inspect(structuredClone({ ...settings() }), { depth: null }),
    ];
    for (const text of printed) expect(text).not.toMatch(/hunter2|PRIVATE KEY/);
    expect(String(settings())).toBe('rediss+sentinel://app:***@s1:26379,s2:26379/m/3');
  });

  test('and hand them to another process as plain data', () => {
    const document = JSON.parse(JSON.stringify(settings().toDocument()));
    expect(RedisSettings.fromDocument(document).equals(settings())).toBe(true);
    expect(RedisSettings.fromDocument({ ...document, password: 'other' }).equals(settings())).toBe(false);
    expect(RedisSettings.fromDocument({ ...document, source: 'other' }).equals(settings())).toBe(true);
  });
});

describe('warnings', () => {
  test('C14: a database without a namespace is no separation', () => {
    const env = { FLOTILLA_REDIS_URL: 'redis://h/1' };
    expect(resolve({ env }).warnings).toEqual([
      expect.stringMatching(/FLOTILLA_REDIS_URL sets database 1.*FLOTILLA_NAMESPACE/),
    ]);
    expect(resolve({ env: { ...env, FLOTILLA_NAMESPACE: 'shop' } }).warnings).toEqual([]);
    expect(resolve({ env: { FLOTILLA_REDIS_URL: 'redis://h' } }).warnings).toEqual([]);
  });

  test('unchecked certificates', () => {
    expect(resolve({ code: { url: 'rediss://h', tls: { rejectUnauthorized: false } } }).warnings).toEqual([
      expect.stringMatching(/anybody on the way/),
    ]);
  });
});
