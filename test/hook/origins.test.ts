import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_KINDS, type ClientOptions, closeAll, connect } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

const OK = 'http://ok.example';
let server: Lifted;

afterEach(closeAll);
afterAll(lowerAll);

async function admitted(kind: (typeof CLIENT_KINDS)[number], url: string, options: ClientOptions): Promise<boolean> {
  return connect(kind, url, options).then(
    () => true,
    () => false,
  );
}

describe('C04: onlyAllowOrigins', () => {
  beforeAll(async () => {
    server = await lift({
      sockets: {
        onlyAllowOrigins: [OK, 'https://OTHER.example:8443', 'file://'],
        transports: ['polling', 'websocket'],
      },
    });
  });

  describe.each(CLIENT_KINDS)('%s', (kind) => {
    it.each([
      ['websocket', 'listed', OK, true],
      ['websocket', 'not listed', 'http://evil.example', false],
      ['websocket', 'listed with another scheme', 'https://ok.example', false],
      ['websocket', 'missing', undefined, false],
      ['websocket', 'null', 'null', false],
      ['polling', 'listed', OK, true],
      ['polling', 'not listed', 'http://evil.example', false],
      ['polling', 'missing', undefined, false],
      ['polling', 'null', 'null', false],
      ['websocket', 'a web view', 'file://', true],
      ['websocket', 'listed in other letters', 'https://other.example:8443', true],
    ] as const)('over %s, origin %s', async (transport, _what, origin, expected) => {
      const headers: Record<string, string> = origin === undefined ? {} : { origin };
      expect(await admitted(kind, server.url, { transports: [transport], headers })).toBe(expected);
    });
  });

  it('a listed page may poll with its cookies', async () => {
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: OK } });
    expect(answer.headers.get('access-control-allow-origin')).toBe(OK);
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
  });

  it('beforeConnect overrides the list', async () => {
    const { url } = await lift({
      sockets: { onlyAllowOrigins: [OK], beforeConnect: (_h: App, done: App) => done(null, true) },
    });
    expect(await admitted('client 4', url, {})).toBe(true);
  });

  it('beforeConnect: false does not switch the list off', async () => {
    const { url } = await lift({ sockets: { onlyAllowOrigins: [OK], beforeConnect: false } });
    expect(await admitted('client 4', url, { headers: { origin: 'http://evil.example' } })).toBe(false);
    expect(await admitted('client 4', url, { headers: { origin: OK } })).toBe(true);
  });
});

describe('beforeConnect', () => {
  const passes = (handshake: App) => handshake._query.pass === 'yes';
  it.each<[string, App]>([
    ['calls back', (handshake: App, done: App) => done(null, passes(handshake))],
    ['calls back later', (handshake: App, done: App) => void setImmediate(() => done(undefined, passes(handshake)))],
    [
      'calls back with an error',
      (handshake: App, done: App) => (passes(handshake) ? done(null, true) : done('no', false)),
    ],
    ['returns', (handshake: App) => passes(handshake)],
    ['is async and returns', async (handshake: App) => passes(handshake)],
    ['is async and calls back', async (handshake: App, done: App) => done(null, passes(handshake))],
    ['returns a promise', (handshake: App) => Promise.resolve(passes(handshake))],
    [
      'throws',
      (handshake: App, done: App) => {
        if (!passes(handshake)) throw new Error('no');
        done(null, true);
      },
    ],
    [
      'rejects',
      async (handshake: App, done: App) => {
        if (!passes(handshake)) throw new Error('no');
        done(null, true);
      },
    ],
    ['returns nothing, which refuses', (handshake: App) => (passes(handshake) ? true : undefined)],
    ['is async and returns nothing, which refuses', async (handshake: App) => (passes(handshake) ? true : undefined)],
  ])('%s', async (_what, beforeConnect) => {
    const { url, lower } = await lift({
      log: { level: 'silent' },
      sockets: { beforeConnect, transports: ['polling', 'websocket'] },
    });
    for (const kind of CLIENT_KINDS) {
      for (const transport of ['websocket', 'polling'] as const) {
        expect(await admitted(kind, url, { transports: [transport], query: { pass: 'yes' } })).toBe(true);
        expect(await admitted(kind, url, { transports: [transport], query: { pass: 'no' } })).toBe(false);
      }
    }
    closeAll();
    await lower();
  });
});
