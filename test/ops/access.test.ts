import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access, type AccessKind, isLoopbackAddress } from '../../dist/launcher/ops/access';
import { send } from '../launcher/support/http';
import { type OpsPod, startOpsPod } from './support/ops-pod';

const TOKEN = 'a-token-for-these-tests';
const KINDS: AccessKind[] = ['open', 'page', 'read', 'act'];

/** What a request with these headers may do. */
function allowed(isLoopback: boolean, headers: Record<string, string>): AccessKind[] {
  const access = new Access(TOKEN, isLoopback);
  return KINDS.filter((kind) => access.allows({ headers } as unknown as IncomingMessage, kind));
}

const bearer = { authorization: `Bearer ${TOKEN}` };
const basic = { authorization: `Basic ${Buffer.from(`anybody:${TOKEN}`).toString('base64')}` };

describe('who may do what', () => {
  it('on loopback: look without the token, act with it', () => {
    expect(allowed(true, { host: '127.0.0.1:9090' })).toEqual(['open', 'page', 'read']);
    expect(allowed(true, { host: 'localhost:9090' })).toEqual(['open', 'page', 'read']);
    expect(allowed(true, { host: '[::1]:9090' })).toEqual(['open', 'page', 'read']);
    expect(allowed(true, { host: '127.0.0.1:9090', ...bearer })).toEqual(KINDS);
  });

  it('on loopback, by another name: nothing but probes and metrics (a site elsewhere can point its name here)', () => {
    for (const host of ['evil.example:9090', '127.0.0.1.evil.example', '10.0.0.5:9090', '']) {
      expect(allowed(true, { host })).toEqual(['open']);
    }
    expect(allowed(true, { host: 'ops.example', ...bearer })).toEqual(KINDS);
  });

  it('elsewhere: nothing but probes and metrics without the token', () => {
    expect(allowed(false, { host: '127.0.0.1:9090' })).toEqual(['open']);
    expect(allowed(false, { host: '10.0.0.5:9090', ...bearer })).toEqual(KINDS);
    expect(allowed(false, { host: '10.0.0.5:9090', ...basic })).toEqual(KINDS);
    for (const authorization of ['Bearer ', `Bearer ${TOKEN}x`, `Digest ${TOKEN}`, `Basic ${TOKEN}`, 'Basic ', TOKEN]) {
      expect(allowed(false, { host: '10.0.0.5:9090', authorization })).toEqual(['open']);
    }
  });

  it('a password that a browser knows does not act for other sites', () => {
    const host = '10.0.0.5:9090';
    expect(allowed(false, { host, ...basic, 'sec-fetch-site': 'cross-site' })).not.toContain('act');
    expect(allowed(false, { host, ...basic, 'sec-fetch-site': 'same-origin' })).toContain('act');
    expect(allowed(false, { host, ...basic, origin: 'http://evil.example' })).not.toContain('act');
    expect(allowed(false, { host, ...basic, origin: `http://${host}` })).toContain('act');
  });

  it('knows loopback addresses', () => {
    for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
      expect(isLoopbackAddress(address)).toBe(true);
    for (const address of ['0.0.0.0', '::', '10.0.0.5', '128.0.0.1']) expect(isLoopbackAddress(address)).toBe(false);
  });
});

describe('a running ops server', () => {
  let pod: OpsPod;
  beforeAll(async () => {
    pod = await startOpsPod({ workers: 1, env: { FLOTILLA_OPS_TOKEN: TOKEN } });
  });
  afterAll(() => pod?.stop());

  const ask = async (path: string, sending: Parameters<typeof send>[1] = {}) => {
    const { status, headers, body } = await send(`${pod.ops}${path}`, sending);
    return { status, headers, body: body.toString() };
  };
  const act = (path: string, body: string, headers: Record<string, string> = {}) =>
    ask(path, { method: 'POST', body, headers: { 'Content-Type': 'application/json', ...bearer, ...headers } });

  it('takes the token of the environment', async () => {
    expect(pod.token).toBe(TOKEN);
    expect(await act('/api/token', '{}')).toMatchObject({ status: 200 });
    const refused = await act('/api/token', '{}', { authorization: 'Bearer wrong' });
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'E_OPS_TOKEN' });
  });

  it('by another name: the page asks for a password, probes and metrics do not', async () => {
    const headers = { Host: 'evil.example' };
    const page = await ask('/', { headers });
    expect([page.status, page.headers['www-authenticate']]).toEqual([401, expect.stringContaining('Basic')]);
    expect((await ask('/api/status', { headers })).status).toBe(401);
    for (const path of ['/livez', '/readyz', '/startupz', '/metrics'])
      expect((await ask(path, { headers })).status).toBe(200);
  });

  it.each([
    ['GET', '/nowhere', undefined, 404],
    ['POST', '/livez', undefined, 404],
    ['POST', '/api/disconnect', '{', 400],
    ['POST', '/api/disconnect', '[]', 400],
    ['POST', '/api/disconnect', '{}', 400],
    ['POST', '/api/disconnect', '{"id":"nobody"}', 404],
    ['POST', '/api/send', '{"room":"r"}', 400],
    ['POST', '/api/send', '{"room":"r","event":"e","args":"x"}', 400],
    ['POST', '/api/send', '{"room":"r","event":"e","nsp":"/nowhere"}', 400],
    ['GET', '/api/room', undefined, 400],
    ['GET', '/api/socket?id=nobody', undefined, 404],
  ])('%s %s with %s: %i, and what is wrong', async (method, path, body, status) => {
    const headers = { 'Content-Type': 'application/json', ...bearer };
    const answer = await ask(path, { method, body, headers });
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({
      code: expect.stringMatching(/^E_OPS_/),
      message: expect.any(String),
    });
  });

  it('takes no form, which pages of other sites may send, and no endless body', async () => {
    const form = { 'Content-Type': 'text/plain' };
    expect((await act('/api/send', '{"room":"r","event":"e"}', form)).status).toBe(400);
    expect((await act('/api/send', `{"room":"${'r'.repeat(1024 * 1024)}"}`)).status).toBe(400);
  });

  it('HEAD is answered like GET, without a body', async () => {
    expect(await ask('/livez', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });
});
