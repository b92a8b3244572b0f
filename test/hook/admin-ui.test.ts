import { once } from 'node:events';
import Module from 'node:module';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rawSocket } from './support/clients.js';
import { startFleet, type TestFleet } from './support/fleet.js';
import { lift, lowerAll } from './support/lift.js';

/** Of "open sesame". */
const PASSWORD_HASH = '$2a$04$uWoWctlr2YXIcZajh6HDcuXmM3VG6uaW3l7aUTau0jqB1Zr7gKtmq';
const AUTH = { username: 'admin', password: PASSWORD_HASH };
const CREDENTIALS = { username: 'admin', password: 'open sesame' };

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(lowerAll);

/** A client as the Admin UI is one. */
function adminClient(url: string, auth: Record<string, unknown>, namespace = '/admin'): Socket {
  const socket = io(url + namespace, { transports: ['websocket'], forceNew: true, reconnection: false, auth });
  sockets.push(socket);
  return socket;
}

/** Settles with the arguments of the first event of that name that is as the test wants it. */
// biome-ignore lint/suspicious/noExplicitAny: events of the Admin UI's protocol
function heard(socket: Socket, event: string, matches: (...args: any[]) => boolean = () => true): Promise<any[]> {
  return new Promise((resolve) => {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const listener = (...args: any[]) => {
      if (!matches(...args)) return;
      socket.off(event, listener);
      resolve(args);
    };
    socket.on(event, listener);
  });
}

async function refusal(socket: Socket): Promise<string> {
  const [error] = await once(socket as never, 'connect_error');
  return (error as Error).message;
}

describe('the Admin UI, on two workers', () => {
  let fleet: TestFleet;
  beforeAll(async () => {
    fleet = await startFleet(2, { adminUi: { auth: AUTH, readonly: false, mode: 'development' } });
  });
  afterAll(() => fleet.close());

  it('sees the numbers of both from one of them', async () => {
    const admin = adminClient(fleet.urls[0] as string, CREDENTIALS);
    const stats = [1, 2].map((number) =>
      heard(admin, 'server_stats', ({ serverId }) => serverId === `test-pod#${number}`),
    );
    const [config] = await heard(admin, 'config');
    expect(config.supportedFeatures).toEqual(expect.arrayContaining(['EMIT', 'MDISCONNECT', 'ALL_EVENTS']));
    const [first, second] = await Promise.all(stats);
    expect(first?.[0].pid).toBe(fleet.workers[0]?.pid);
    expect(second?.[0].pid).toBe(fleet.workers[1]?.pid);
  });

  it('sees, moves, reaches and ends the sockets of the other', async () => {
    const before = rawSocket(fleet.urls[1] as string);
    sockets.push(before);
    await once(before as never, 'connect');
    const admin = adminClient(fleet.urls[0] as string, CREDENTIALS);
    const [all] = await heard(admin, 'all_sockets');
    expect(all.map(({ id }: { id: string }) => id)).toContain(before.id);

    const client = rawSocket(fleet.urls[1] as string);
    sockets.push(client);
    const appears = heard(admin, 'socket_connected', ({ nsp }) => nsp === '/');
    await once(client as never, 'connect');
    expect((await appears)[0].id).toBe(client.id);

    const joins = heard(admin, 'room_joined', (_nsp, room) => room === 'of the admin');
    admin.emit('join', '/', 'of the admin', client.id);
    expect((await joins)[2]).toBe(client.id);
    const news = heard(client, 'news');
    admin.emit('emit', '/', 'of the admin', 'news', { from: 'admin' });
    expect((await news)[0]).toEqual({ from: 'admin' });

    const sees = heard(admin, 'event_received', (_nsp, id) => id === client.id);
    client.emit('get', { method: 'get', url: '/sync' }, () => undefined);
    expect((await sees)[2]).toEqual(['get', { method: 'get', url: '/sync' }]);

    const { id } = client;
    const leaves = heard(admin, 'socket_disconnected', (_nsp, gone) => gone === id);
    const ends = once(client as never, 'disconnect');
    admin.emit('_disconnect', '/', true, id);
    await ends;
    await leaves;
  });

  it('comes back to the other with its session, without the password', async () => {
    const first = adminClient(fleet.urls[0] as string, CREDENTIALS);
    const [sessionId] = await heard(first, 'session');
    const second = adminClient(fleet.urls[1] as string, { sessionId });
    await once(second as never, 'connect');
    expect(await refusal(adminClient(fleet.urls[1] as string, { sessionId: 'f'.repeat(16) }))).toBe(
      'invalid credentials',
    );
  });

  it('is let in with the right name and password only', async () => {
    for (const auth of [{}, { ...CREDENTIALS, password: 'close sesame' }, { ...CREDENTIALS, username: 'root' }]) {
      expect(await refusal(adminClient(fleet.urls[0] as string, auth))).toBe('invalid credentials');
    }
  });
});

describe('sails.config.flotilla.adminUi', () => {
  it('is off by default: its namespace does not exist', async () => {
    const { url } = await lift();
    expect(await refusal(adminClient(url, CREDENTIALS))).toBe('Invalid namespace');
  });

  it('only shows, unless it is said otherwise; counts only with mode "production"', async () => {
    const { url } = await lift({ flotilla: { adminUi: { auth: AUTH, namespace: '/ops', mode: 'production' } } });
    const [config] = await heard(adminClient(url, CREDENTIALS, '/ops'), 'config');
    expect(config.supportedFeatures).toEqual(['AGGREGATED_EVENTS']);
  });

  it('lets everybody in with auth: false, but never in production', async () => {
    const { url } = await lift({ flotilla: { adminUi: { auth: false } } });
    await heard(adminClient(url, {}), 'config');
    const before = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    try {
      await expect(
        lift({
          log: { level: 'silent' },
          sockets: { onlyAllowOrigins: ['https://shop.example'] },
          session: { secret: 'x'.repeat(32) },
          flotilla: { adminUi: { auth: false } },
        }),
      ).rejects.toMatchObject({ code: 'E_ADMIN_UI_OPEN', message: expect.stringContaining('adminUi.auth') });
    } finally {
      process.env.NODE_ENV = before;
    }
  });

  it('stops the lift where the package is not installed, and says what to install', async () => {
    const loader = Module as unknown as { _resolveFilename(name: string, ...rest: unknown[]): string };
    const resolveFilename = loader._resolveFilename;
    loader._resolveFilename = function (name, ...rest) {
      if (name === '@socket.io/admin-ui') throw Object.assign(new Error('not found'), { code: 'MODULE_NOT_FOUND' });
      return resolveFilename.call(this, name, ...rest);
    };
    try {
      await expect(lift({ log: { level: 'silent' }, flotilla: { adminUi: { auth: AUTH } } })).rejects.toMatchObject({
        code: 'E_ADMIN_UI_MISSING',
        message: expect.stringContaining('npm install @socket.io/admin-ui'),
      });
    } finally {
      loader._resolveFilename = resolveFilename;
    }
  });

  it('leaves no timer behind when the app is lowered', async () => {
    const begun: unknown[] = [];
    const original = globalThis.setInterval;
    const cleared = new Set<unknown>();
    const originalClear = globalThis.clearInterval;
    globalThis.setInterval = ((...args: Parameters<typeof setInterval>) => {
      const timer = original(...args);
      if (args[1] === 2_000) begun.push(timer);
      return timer;
    }) as typeof setInterval;
    globalThis.clearInterval = ((timer: NodeJS.Timeout) => {
      cleared.add(timer);
      originalClear(timer);
    }) as typeof clearInterval;
    try {
      const { lower } = await lift({ flotilla: { adminUi: { auth: AUTH } } });
      expect(begun.length).toBe(1);
      await lower();
    } finally {
      globalThis.setInterval = original;
      globalThis.clearInterval = originalClear;
    }
    expect(cleared.has(begun[0])).toBe(true);
  });

  it.each([
    ['adminUi', true, 'adminUi'],
    ['no auth', {}, 'adminUi.auth'],
    ['a password that is no hash', { auth: { username: 'admin', password: 'open sesame' } }, 'adminUi.auth'],
    ['an unknown setting', { auth: AUTH, namespaceName: '/x' }, 'adminUi.namespaceName'],
    ['a namespace without a slash', { auth: AUTH, namespace: 'admin' }, 'adminUi.namespace'],
    ['an unknown mode', { auth: AUTH, mode: 'verbose' }, 'adminUi.mode'],
    ['readonly as text', { auth: AUTH, readonly: 'yes' }, 'adminUi.readonly'],
  ])('stops the lift with %s', async (_what, adminUi, setting) => {
    const error = await lift({ log: { level: 'silent' }, flotilla: { adminUi } }).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'E_FLOTILLA_SETTING' });
    expect(error.message).toContain(`sails.config.flotilla.${setting}\``);
    expect(error.message).not.toContain('open sesame');
  });
});
