import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_KINDS, type Client, type ClientOptions, closeAll, connect, type Transport } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

const TRANSPORTS: Transport[][] = [['websocket'], ['polling'], ['polling', 'websocket']];

let server: Lifted;

beforeAll(async () => {
  server = await lift({
    sockets: { transports: ['polling', 'websocket'] },
    routes: {
      '/echo': (req: App, res: App) => {
        res.set('X-Answer', 'yes');
        res.status(req.method === 'POST' ? 201 : 200).json({
          method: req.method,
          query: req.query,
          body: req.body,
          q: req.param('q'),
          custom: req.get('x-custom'),
          isSocket: req.isSocket,
          transport: req.transport,
          protocol: req.protocol,
          path: req.path,
          url: req.url,
        });
      },
      'PUT /room/:name': (req: App, res: App) => {
        req._sails.sockets.join(req, req.param('name'));
        res.ok();
      },
      'POST /room/:name': (req: App, res: App) => {
        req._sails.sockets.broadcast(req.param('name'), 'news', req.param('news'));
        res.ok();
      },
      'PUT /me': (req: App, res: App) => {
        req.session.name = req.param('name');
        res.ok();
      },
      'GET /me': (req: App, res: App) => res.json({ name: req.session.name }),
      'GET /bytes': (_req: App, res: App) => res.send({ bytes: Buffer.from([0, 1, 254, 255]) }),
    },
  });
});

afterEach(closeAll);
afterAll(lowerAll);

describe.each(CLIENT_KINDS)('%s', (kind) => {
  describe.each(TRANSPORTS)('over %s', (...transports) => {
    const join = (options: ClientOptions = {}): Promise<Client> =>
      connect(kind, server.url, { transports, ...options });

    it.each(['get', 'post', 'put', 'patch', 'delete', 'head'])('makes a virtual %s request', async (method) => {
      const client = await join();
      const jwr = await client.request(method, '/echo?q=1', { a: [1, { b: 2 }] }, { 'x-custom': 'hello' });
      expect(jwr.statusCode).toBe(method === 'post' ? 201 : 200);
      expect(jwr.body).toEqual({
        method: method.toUpperCase(),
        query: { q: '1' },
        body: { a: [1, { b: 2 }] },
        q: '1',
        custom: 'hello',
        isSocket: true,
        transport: 'socket.io',
        protocol: 'ws',
        path: '/echo',
        url: '/echo?q=1',
      });
      expect(jwr.headers).toMatchObject({ 'X-Answer': 'yes' });
      expect(jwr.headers).not.toHaveProperty('set-cookie');
    });

    it('makes a virtual options request, which the router answers itself', async () => {
      const client = await join();
      const jwr = await client.request('options', '/echo');
      expect(jwr).toMatchObject({ statusCode: 200, body: 'DELETE, GET, HEAD, PATCH, POST, PUT' });
    });

    it('keeps its session from request to request', async () => {
      const client = await join();
      await client.request('put', '/me', { name: 'Ada' });
      expect((await client.request('get', '/me')).body).toEqual({ name: 'Ada' });
      const other = await join();
      expect((await other.request('get', '/me')).body).toEqual({});
    });

    it('gets what is broadcast to its room, and nothing else', async () => {
      const [member, outsider] = await Promise.all([join(), join()]);
      const heard: unknown[] = [];
      outsider.on('news', (news) => heard.push(news));
      await member.request('put', '/room/lobby');
      const news = member.next('news');
      await outsider.request('post', '/room/lobby', { news: { text: 'ahoy' } });
      expect(await news).toEqual({ text: 'ahoy' });
      expect(heard).toEqual([]);
    });

    it('C13: gets binary as binary', async () => {
      const client = await join();
      const { body } = await client.request('get', '/bytes');
      expect(Buffer.from((body as { bytes: Uint8Array }).bytes).toString('hex')).toBe('0001feff');
    });

    it('comes back by itself after its connection is cut', async () => {
      const client = await join({ reconnection: true });
      const back = client.next('connect');
      for (const connection of Object.values<App>(server.app.io.engine.clients)) connection.close(true);
      await back;
      expect((await client.request('get', '/echo')).statusCode).toBe(200);
    });
  });

  it('upgrades from polling to websocket', async () => {
    const client = await connect(kind, server.url, { transports: ['polling', 'websocket'] });
    while (client.transport() !== 'websocket') await client.request('get', '/echo');
    expect((await client.request('get', '/echo')).statusCode).toBe(200);
  });
});
