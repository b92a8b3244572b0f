import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sails } from 'sails';
import { Adapter } from 'socket.io-adapter';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { CLIENT_KINDS, closeAll, connect, rawSocket } from './support/clients.js';
import { type App, appConfig, lift, lowerAll } from './support/lift.js';

const scratch = mkdtempSync(join(tmpdir(), 'flotilla-hook-'));

afterEach(async () => {
  closeAll();
  await lowerAll();
});
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const hello = { 'GET /': (_req: App, res: App) => res.send('hello') };

function makeCertificate(): { key: string; cert: string } {
  const [key, cert] = [join(scratch, 'key.pem'), join(scratch, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-days', '1', '-nodes', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...subject], {
    stdio: 'ignore',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

describe('TLS in the app', () => {
  it.each(['ssl', 'http.serverOptions'])('by %s', async (setting) => {
    const certificate = makeCertificate();
    const config = setting === 'ssl' ? { ssl: certificate } : { ssl: true, http: { serverOptions: certificate } };
    const { url } = await lift({ ...config, routes: hello, sockets: { transports: ['polling', 'websocket'] } });
    for (const kind of CLIENT_KINDS) {
      for (const transport of ['websocket', 'polling'] as const) {
        const client = await connect(kind, url, { transports: [transport] });
        expect((await client.request('get', '/')).body).toBe('hello');
      }
    }
  });
});

describe("Socket.IO's own features", () => {
  it('other namespaces and sails.io.use', async () => {
    const { app, url } = await lift();
    app.io.use((socket: App, next: App) => {
      socket.data.seen = true;
      next();
    });
    const connected = once(app.io, 'connection');
    app.io
      .of('/chat')
      .on('connection', (socket: App) => socket.on('say', (text: string, done: App) => done(`heard ${text}`)));
    const chat = rawSocket(`${url}/chat`);
    expect(await chat.emitWithAck('say', 'ahoy')).toBe('heard ahoy');
    chat.close();
    await connect('client 4', url);
    expect((await connected)[0].data.seen).toBe(true);
  });

  it("events of the app's own", async () => {
    const { app, url } = await lift();
    app.io.on('connection', (socket: App) => socket.on('custom', (data: App, done: App) => done(data)));
    const socket = rawSocket(url);
    expect(await socket.emitWithAck('custom', { a: 1 })).toEqual({ a: 1 });
    socket.close();
  });

  it('shares the HTTP server of the app', async () => {
    const { app } = await lift();
    expect(app.io.httpServer).toBe(app.hooks.http.server);
  });

  it('serveClient', async () => {
    const off = await lift();
    const on = await lift({ sockets: { serveClient: true } });
    expect((await fetch(`${off.url}/socket.io/socket.io.js`)).status).toBe(400);
    const script = await fetch(`${on.url}/socket.io/socket.io.js`);
    expect(script.status).toBe(200);
    expect(await script.text()).toContain('Socket.IO');
  });

  it('another path', async () => {
    const { url } = await lift({ sockets: { path: '/ws' }, routes: hello });
    const answer = await fetch(`${url}/ws/?EIO=4&transport=websocket`);
    expect(answer.status).toBe(400);
    expect((await fetch(`${url}/socket.io/?EIO=4&transport=websocket`)).status).toBe(404);
  });

  it.each([
    ['name', 'sid', 'sid='],
    ['description', { name: 'io', maxAge: 60 }, 'io='],
  ])('a cookie by %s', async (_what, cookie, expected) => {
    const { url } = await lift({ sockets: { cookie, transports: ['polling'] } });
    const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    expect(answer.headers.get('set-cookie')).toContain(expected);
  });
});

describe('life of a socket', () => {
  const leave = (session: App) => {
    session.left = true;
  };
  it.each<[string, App]>([
    [
      'calls back',
      (session: App, _socket: App, done: App) => {
        leave(session);
        setImmediate(done);
      },
    ],
    ['is async', async (session: App) => leave(session)],
    ['returns', leave],
  ])('afterDisconnect that %s: the session is saved', async (_what, afterDisconnect) => {
    const { app, url } = await lift({
      sockets: { afterDisconnect },
      routes: { 'GET /sid': (req: App, res: App) => res.send(req.sessionID) },
    });
    const client = await connect('client 4', url);
    const { body: sid } = await client.request('get', '/sid');
    client.close();
    await vi.waitFor(
      async () => {
        const session: App = await new Promise((resolve) =>
          app.session.get(sid, (_error: App, value: App) => resolve(value)),
        );
        expect(session.left).toBe(true);
      },
      { timeout: 20_000 },
    );
  });

  it('afterDisconnect that leaves the session as it is: nothing is written over what changed meanwhile', async () => {
    let goOn: () => void = () => undefined;
    const afterDisconnect = (_session: App, _socket: App, done: App) => {
      goOn = done;
    };
    const { app, url } = await lift({
      sockets: { afterDisconnect },
      routes: { 'GET /sid': (req: App, res: App) => res.send(req.sessionID) },
    });
    const client = await connect('client 4', url);
    const { body: sid } = await client.request('get', '/sid');
    const set = vi.spyOn(app.session, 'set');
    client.close();
    const idle = goOn;
    await vi.waitFor(() => expect(goOn).not.toBe(idle), { timeout: 20_000 });
    goOn();
    await lowerAll();
    expect(set).not.toHaveBeenCalledWith(sid, expect.anything(), expect.anything());
  });

  it('requests of a client that has gone do not keep the app from lowering', async () => {
    const { app, url } = await lift({
      flotilla: { lowerTimeoutMs: 600_000 },
      routes: { 'GET /never': () => undefined },
    });
    const client = await connect('client 4', url);
    void client.request('get', '/never');
    await vi.waitFor(() => expect(app.hooks.sockets.counters.requests).toBe(1), { timeout: 20_000 });
    client.close();
    await vi.waitFor(() => expect(app.io.engine.clientsCount).toBe(0), { timeout: 20_000 });
    await lowerAll();
  });

  it('afterDisconnect that fails is logged, and the process lives', async () => {
    for (const afterDisconnect of [
      () => {
        throw new Error('thrown');
      },
      async () => {
        throw new Error('rejected');
      },
      (_session: App, _socket: App, done: App) => done(new Error('called back')),
    ]) {
      const { app, url } = await lift({ log: { level: 'silent' }, sockets: { afterDisconnect } });
      const error = vi.spyOn(app.log, 'error').mockReturnValue(undefined);
      (await connect('client 4', url)).close();
      await vi.waitFor(() => expect(error).toHaveBeenCalledTimes(1), { timeout: 20_000 });
    }
  });

  it('onConnect and onDisconnect, the old ones', async () => {
    const onConnect = vi.fn();
    const onDisconnect = vi.fn();
    const { url } = await lift({ log: { level: 'silent' }, sockets: { onConnect, onDisconnect } });
    (await connect('client 4', url)).close();
    await vi.waitFor(() => expect(onDisconnect).toHaveBeenCalledTimes(1), { timeout: 20_000 });
    expect(onConnect).toHaveBeenCalledWith(
      expect.objectContaining({ cookie: expect.anything() }),
      expect.objectContaining({ id: expect.any(String) }),
    );
  });
});

describe('third-party adapters', () => {
  const make = (namespace: App) => new Adapter(namespace);
  it.each<[string, Record<string, unknown>]>([
    ['a class', { adapter: Adapter }],
    ['an arrow function', { adapter: make }],
    ['a module that is a function', { adapter: 'x', adapterModule: () => make }],
    ['a module with createAdapter', { adapter: 'x', adapterModule: { createAdapter: () => Adapter } }],
  ])('%s', async (_what, sockets) => {
    const { app, url } = await lift({ sockets, routes: hello });
    expect(app.io.sockets.adapter.constructor).toBe(Adapter);
    await expect(app.sockets.fleet()).rejects.toMatchObject({ code: 'E_NOT_IN_FLEET' });
    const client = await connect('client 4', url);
    expect((await client.request('get', '/')).body).toBe('hello');
    const [id] = [...app.io.sockets.sockets.keys()];
    await app.sockets.join(id, 'r');
    await app.sockets.addRoomMembersToRooms('r', 's');
    expect([...app.io.sockets.adapter.rooms.keys()]).toEqual([id, 'r', 's']);
    await expect(app.sockets.join('nobody', 'r')).rejects.toMatchObject({ code: 'E_NO_SUCH_SOCKET' });
    await app.sockets.leaveAll('r');
    expect([...app.io.sockets.adapter.rooms.keys()]).toEqual([id]);
  });

  it('get the options that the app gives', async () => {
    const adapterModule = vi.fn(() => make);
    await lift({
      sockets: { adapter: 'x', adapterModule, key: 'k', host: 'h', adapterOptions: { own: 1 } },
    });
    expect(adapterModule).toHaveBeenCalledWith(expect.objectContaining({ key: 'k', host: 'h', own: 1 }));
  });
});

describe('without listening', () => {
  it('sails.load(), as `sails console --dontLift` and scripts do: broadcasts work, lower ends', async () => {
    const app: App = Sails();
    await new Promise<void>((resolve, reject) => {
      app.load({ appPath: scratch, ...appConfig() }, (error: unknown) => (error ? reject(error) : resolve()));
    });
    app.sockets.broadcast('room', 'event', 1);
    app.sockets.blast('event', 1);
    await app.sockets.addRoomMembersToRooms('room', 'other');
    await new Promise((resolve) => app.lower(resolve));
  });

  it('a script that loads the app, broadcasts and lowers it ends by itself', async () => {
    const child = spawn(process.execPath, [join(__dirname, 'support/broadcast-and-exit.cjs')], { stdio: 'inherit' });
    expect((await once(child, 'exit'))[0]).toBe(0);
  });
});
