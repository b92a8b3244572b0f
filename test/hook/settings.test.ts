import { afterEach, describe, expect, it } from 'vitest';
import { type App, lift, lowerAll } from './support/lift.js';

afterEach(lowerAll);

const productionSession = { session: { secret: 'a secret for tests' } };

async function refusal(overrides: Record<string, unknown>): Promise<App> {
  let lifted: Awaited<ReturnType<typeof lift>>;
  try {
    lifted = await lift({ log: { level: 'silent' }, ...overrides });
  } catch (error) {
    return error;
  }
  await lifted.lower();
  throw new Error('the app lifted');
}

/** Each with the error's code, the setting that its message must name, and the value. */
const BAD: Array<[string, Record<string, unknown>, string, string, string]> = [
  [
    'a list of origins that is no array',
    { sockets: { onlyAllowOrigins: 'http://a.example' } },
    'E_INVALID_ONLY_ALLOW_ORIGINS',
    'onlyAllowOrigins',
    'http://a.example',
  ],
  [
    'an origin without a scheme',
    { sockets: { onlyAllowOrigins: ['a.example'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    'a.example',
  ],
  [
    'an origin with a trailing slash',
    { sockets: { onlyAllowOrigins: ['http://a.example/'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    'http://a.example/',
  ],
  [
    'an origin with a path',
    { sockets: { onlyAllowOrigins: ['http://a.example/x'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    'http://a.example/x',
  ],
  [
    'an origin with a query',
    { sockets: { onlyAllowOrigins: ['http://a.example?x'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    'http://a.example?x',
  ],
  [
    'an origin with the default port of http',
    { sockets: { onlyAllowOrigins: ['http://a.example:80'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    ':80',
  ],
  [
    'an origin with the default port of https',
    { sockets: { onlyAllowOrigins: ['https://a.example:443'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    ':443',
  ],
  ['an origin that is no string', { sockets: { onlyAllowOrigins: [7] } }, 'E_INVALID_ORIGIN', 'onlyAllowOrigins', '7'],
  ['an empty origin', { sockets: { onlyAllowOrigins: [''] } }, 'E_INVALID_ORIGIN', 'onlyAllowOrigins', "''"],
  [
    'an origin that is no URL',
    { sockets: { onlyAllowOrigins: ['http://'] } },
    'E_INVALID_ORIGIN',
    'onlyAllowOrigins',
    'http://',
  ],
  [
    'beforeConnect that is no function',
    { sockets: { beforeConnect: 'yes' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'beforeConnect',
    'yes',
  ],
  [
    'afterDisconnect that is no function',
    { sockets: { afterDisconnect: 'yes' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'afterDisconnect',
    'yes',
  ],
  [
    'onDisconnect and afterDisconnect',
    { sockets: { onDisconnect() {}, afterDisconnect() {} } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'onDisconnect',
    'onDisconnect',
  ],
  ['allowRequest', { sockets: { allowRequest() {} } }, 'SAILS:HOOK:SOCKETS:CONFIG', 'allowRequest', 'allowRequest'],
  ['pingTimeout that is text', { sockets: { pingTimeout: '60s' } }, 'SAILS:HOOK:SOCKETS:CONFIG', 'pingTimeout', '60s'],
  [
    'pingInterval that is negative',
    { sockets: { pingInterval: -1 } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'pingInterval',
    '-1',
  ],
  [
    'maxHttpBufferSize that is text',
    { sockets: { maxHttpBufferSize: '1mb' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'maxHttpBufferSize',
    '1mb',
  ],
  [
    'allowUpgrades that is text',
    { sockets: { allowUpgrades: 'no' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'allowUpgrades',
    'no',
  ],
  ['a path without a slash', { sockets: { path: 'socket.io' } }, 'SAILS:HOOK:SOCKETS:CONFIG', 'path', 'socket.io'],
  [
    'an unknown transport',
    { sockets: { transports: ['flashsocket'] } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'transports',
    'flashsocket',
  ],
  [
    'db that is no number',
    { sockets: { adapter: 'socket.io-redis', db: 'x' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'db',
    'x',
  ],
  ['db that is negative', { sockets: { adapter: 'socket.io-redis', db: -5 } }, 'SAILS:HOOK:SOCKETS:CONFIG', 'db', '-5'],
  [
    'db in a URL that is no number',
    { sockets: { adapter: 'socket.io-redis', url: 'redis://h/x' } },
    'SAILS:HOOK:SOCKETS:CONFIG',
    'db',
    'x',
  ],
  [
    'an adapter that is not installed',
    { sockets: { adapter: 'no-such-adapter' } },
    'SAILS:HOOK:SOCKETS:REQUIRE_SOCKETIO_ADAPTER',
    'adapter',
    'no-such-adapter',
  ],
  [
    'an adapter module that makes no adapters',
    { sockets: { adapter: 'odd', adapterModule: {} } },
    'SAILS:HOOK:SOCKETS:REQUIRE_SOCKETIO_ADAPTER',
    'adapter',
    'odd',
  ],
  ['flotilla settings that are no object', { flotilla: ['x'] }, 'E_FLOTILLA_SETTING', 'flotilla', 'x'],
  [
    'an unknown flotilla setting',
    { flotilla: { holdResponse: 1 } },
    'E_FLOTILLA_SETTING',
    'flotilla.holdResponse',
    '1',
  ],
  [
    'a flotilla setting of the wrong type',
    { flotilla: { holdResponseMs: '1s' } },
    'E_FLOTILLA_SETTING',
    'flotilla.holdResponseMs',
    '1s',
  ],
  [
    'a flotilla setting out of range',
    { flotilla: { lowerTimeoutMs: -1 } },
    'E_FLOTILLA_SETTING',
    'flotilla.lowerTimeoutMs',
    '-1',
  ],
];

describe('a bad setting stops the lift; the message names setting and value', () => {
  it.each(BAD)('%s', async (_what, overrides, code, setting, value) => {
    const error = await refusal(overrides);
    expect(error.code).toBe(code);
    expect(error.message).toContain(setting);
    expect(error.message).toContain(value);
  });

  it('without the http hook', async () => {
    const error = await refusal({ loadHooks: ['moduleloader', 'userconfig', 'sockets'] });
    expect(error.code).toBe('SAILS:HOOK:SOCKETS:DEPENDS_ON_HOOK');
  });
});

describe('in production', () => {
  const before = process.env.NODE_ENV;
  afterEach(() => {
    process.env.NODE_ENV = before;
  });
  const liftInProduction = (sockets: Record<string, unknown>) => {
    process.env.NODE_ENV = 'production';
    return refusal({ environment: 'production', ...productionSession, sockets });
  };

  it('onlyAllowOrigins or beforeConnect is needed', async () => {
    const error = await liftInProduction({});
    expect(error.code).toBe('E_ORIGINS_REQUIRED');
    expect(error.message).toContain('sails.config.sockets.onlyAllowOrigins');
  });

  it.each<[string, Record<string, unknown>]>([
    ['onlyAllowOrigins', { onlyAllowOrigins: ['https://a.example'] }],
    ['file:// for web views', { onlyAllowOrigins: ['file://'] }],
    ['beforeConnect', { beforeConnect: () => true }],
    ['authorization, its old name', { authorization: () => true }],
    ['beforeConnect: false, as sails-hook-sockets does', { beforeConnect: false }],
  ])('%s is enough', async (_what, sockets) => {
    await expect(liftInProduction(sockets)).rejects.toThrow('the app lifted');
  });
});

describe('old names', () => {
  it('maxBufferSize is maxHttpBufferSize', async () => {
    const { app } = await lift({ log: { level: 'silent' }, sockets: { maxBufferSize: 4321 } });
    expect(app.io.engine.opts.maxHttpBufferSize).toBe(4321);
  });

  it('adapter "memory" is no adapter', async () => {
    const { app } = await lift({ sockets: { adapter: 'memory' } });
    expect(app.config.sockets.adapter).toBe(null);
    expect((await app.sockets.fleet()).pods).toHaveLength(1);
  });

  it('Redis settings move to adapterOptions, the parts of a URL first', async () => {
    const seen: unknown[] = [];
    const { app } = await lift({
      sockets: {
        adapter: (namespace: App) => {
          const { Adapter } = require('socket.io-adapter');
          return new Adapter(namespace);
        },
        url: 'rediss://us%40er:p%40ss@redis.example:6390/3',
        port: 1,
        key: 'prefix',
        onRedisDisconnect: () => seen.push('down'),
      },
    });
    const { url: _url, onRedisDisconnect, ...options } = app.config.sockets.adapterOptions;
    expect(options).toEqual({ host: 'redis.example', port: 6390, db: 3, user: 'us@er', pass: 'p@ss', key: 'prefix' });
    expect(onRedisDisconnect).toBeTypeOf('function');
  });
});

it('the settings of sails-hook-sockets have its defaults', async () => {
  const { app } = await lift();
  const { defaults } = require('sails-hook-sockets')(app);
  expect(app.config.sockets).toEqual(defaults.sockets);
});

it('allowUpgrades: false takes effect', async () => {
  const { app } = await lift({ sockets: { allowUpgrades: false, transports: ['polling', 'websocket'] } });
  expect(app.io.engine.upgrades('polling')).toEqual([]);
});
