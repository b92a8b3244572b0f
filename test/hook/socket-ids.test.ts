import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { readIdentity } from '../../dist/bus/identity.js';
import { parseOwner } from '../../dist/bus/ids.js';
import { type Client, closeAll, connect, rawSocket } from './support/clients.js';
import { type App, lift, lowerAll } from './support/lift.js';

afterEach(closeAll);
afterAll(lowerAll);

const routes = {
  'GET /id': (req: App, res: App) => res.json({ id: req.socket.id, connection: req.socket.conn.id }),
};

describe('ids name their process', () => {
  it.each(['client 4', 'sails.io.js'] as const)('for %s', async (kind) => {
    const { app, url } = await lift({ routes, sockets: { transports: ['polling', 'websocket'] } });
    const { self } = await app.sockets.fleet();
    const client = await connect(kind, url, { transports: ['polling', 'websocket'] });
    const { id, connection } = (await client.request('get', '/id')).body as App;
    for (const one of [id, connection]) expect(parseOwner(one)).toEqual({ pod: self.podTag, worker: self.workerTag });
    expect(id === connection).toBe(kind === 'sails.io.js');
  });

  it('before the first middleware, on every namespace, and the client knows it', async () => {
    const seen: string[] = [];
    const { app, url } = await lift({
      hooks: {
        early: (sails: App) => ({
          initialize(done: App) {
            sails.after('hook:sockets:loaded', () => {
              for (const name of ['/fixed', /^\/dynamic-\d+$/]) {
                sails.io.of(name).use((socket: App, next: App) => {
                  seen.push(socket.id);
                  next();
                });
              }
              done();
            });
          },
        }),
      },
    });
    for (const name of ['/fixed', '/dynamic-7']) {
      const socket = rawSocket(url + name);
      await new Promise((resolve) => socket.once('connect', () => resolve(undefined)));
      const id = seen.at(-1) as string;
      expect(parseOwner(id)?.worker).toBe(readIdentity().worker);
      expect(socket.id).toBe(id);
      expect(app.io.of(name).sockets.has(id)).toBe(true);
      socket.close();
    }
  });

  it('1,000 connects leave no entry in _preConnectSockets', async () => {
    const { app, url } = await lift();
    for (let round = 0; round < 20; round += 1) {
      const clients = await Promise.all(Array.from({ length: 50 }, (): Promise<Client> => connect('client 4', url)));
      for (const client of clients) client.close();
    }
    const refused = rawSocket(`${url}/nowhere`);
    await new Promise((resolve) => refused.once('connect_error', resolve));
    refused.close();
    while (app.io.engine.clientsCount > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(app.io.sockets._preConnectSockets.size).toBe(0);
    expect(app.io.sockets.sockets.size).toBe(0);
    expect(app.io.sockets.adapter.sids.size).toBe(0);
  });

  it('a refused middleware leaves no entry either', async () => {
    const { app, url } = await lift();
    app.io.use((_socket: App, next: App) => next(new Error('no')));
    const socket = rawSocket(url);
    await new Promise((resolve) => socket.once('connect_error', resolve));
    socket.close();
    while (app.io.engine.clientsCount > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(app.io.sockets._preConnectSockets.size).toBe(0);
  });
});
