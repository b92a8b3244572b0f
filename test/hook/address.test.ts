import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { closeAll, connect } from './support/clients.js';
import { type App, lift, lowerAll } from './support/lift.js';

const FORWARDED = { 'x-forwarded-for': '1.2.3.4,5.6.7.8' };

afterEach(closeAll);
afterAll(lowerAll);

const routes = { '/where': (req: App, res: App) => res.json({ ip: req.ip, ips: req.ips }) };

describe('C03: the client address of a socket request is that of an HTTP request', () => {
  it.each([
    [false, { ip: '127.0.0.1', ips: [] }],
    [true, { ip: '1.2.3.4', ips: ['1.2.3.4', '5.6.7.8'] }],
    [1, { ip: '5.6.7.8', ips: ['5.6.7.8'] }],
    ['loopback', { ip: '5.6.7.8', ips: ['5.6.7.8'] }],
    ['10.0.0.1', { ip: '127.0.0.1', ips: [] }],
  ])('trustProxy %j', async (trustProxy, expected) => {
    const { url } = await lift({ routes, http: { trustProxy }, sockets: { transports: ['polling', 'websocket'] } });
    const get = await fetch(`${url}/where`, { headers: FORWARDED });
    const post = await fetch(`${url}/where`, {
      method: 'POST',
      body: '{"a":1}',
      headers: { ...FORWARDED, 'content-type': 'application/json' },
    });
    expect(await get.json()).toEqual(expected);
    expect(await post.json()).toEqual(expected);
    for (const kind of ['sails.io.js', 'client 4'] as const) {
      for (const transport of ['websocket', 'polling'] as const) {
        const client = await connect(kind, url, { transports: [transport], headers: FORWARDED });
        expect((await client.request('get', '/where')).body).toEqual(expected);
        const forged = await client.request('get', '/where', undefined, { 'x-forwarded-for': '9.9.9.9' });
        expect(forged.body).toEqual(expected);
      }
    }
  });

  it('a front door that passes connections on corrects the address on the connection', async () => {
    const { app, url } = await lift({ routes, sockets: { transports: ['polling', 'websocket'] } });
    app.hooks.http.server.prependListener('connection', (connection: App) => {
      Object.defineProperty(connection, 'remoteAddress', { value: '203.0.113.7', configurable: true });
    });
    for (const transport of ['websocket', 'polling'] as const) {
      const client = await connect('client 4', url, { transports: [transport] });
      expect((await client.request('get', '/where')).body).toEqual({ ip: '203.0.113.7', ips: [] });
    }
  });
});
