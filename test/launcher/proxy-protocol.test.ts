import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readProxyHeader } from '../../dist/launcher/front-door/proxy-header';
import { TrustedAddresses } from '../../dist/launcher/front-door/trusted-addresses';
import { type OpsPod, startOpsPod, until } from '../ops/support/ops-pod';
import { makeCertificate } from './support/certificate';
import { connected, scatteringClient, upgraded, virtual } from './support/clients';
import { json, RawConnection, send, sha256 } from './support/http';
import { TcpProxy, version1, version2 } from './support/proxy-protocol';

const V4 = { address: '203.0.113.7', port: 40_123 };
const V6 = { address: '2001:db8:0:0:0:0:0:7', port: 40_124 };

interface Seen {
  ip: string;
  ips: string[];
  worker: string;
}

/** What the app sees of a client, over HTTP, polling, upgrades and websocket. */
async function seenOnEveryPath(url: string): Promise<Record<string, Seen>> {
  const over = async (transports: string[]) => {
    const client = scatteringClient(url, { transports });
    await new Promise<void>((resolve) => client.io.once('open', resolve));
    if (transports.length > 1) await upgraded(client);
    await connected(client);
    const seen = await virtual<Seen>(client, 'get', '/address');
    client.close();
    return seen;
  };
  const seen: Record<string, Seen> = {};
  // requests scatter, so some come through another worker than their session's
  for (let round = 1; round <= 3; round++) {
    seen[`polling ${round}`] = await over(['polling']);
    seen[`upgraded ${round}`] = await over(['polling', 'websocket']);
    seen[`websocket ${round}`] = await over(['websocket']);
  }
  return seen;
}

const shown = (seen: Record<string, Seen>) => [...new Set(Object.values(seen).map(({ ip, ips }) => `${ip} [${ips}]`))];

describe('readProxyHeader', () => {
  const rest = Buffer.from('GET / HTTP/1.1\r\n\r\n');

  test.each([
    ['version 1', version1(V4), { ...V4, family: 'IPv4' }],
    ['version 1, IPv6', version1(V6), { ...V6, family: 'IPv6' }],
    ['version 1, UNKNOWN', Buffer.from('PROXY UNKNOWN ffff::1 whatever\r\n'), undefined],
    ['version 2', version2(V4), { ...V4, family: 'IPv4' }],
    ['version 2, IPv6', version2(V6), { address: '2001:db8::7', port: V6.port, family: 'IPv6' }],
    ['version 2, LOCAL', version2(V4, 0x20), undefined],
  ])('%s: whole, and at every length short of that incomplete', (_name, header, client) => {
    expect(readProxyHeader(Buffer.concat([header, rest]))).toEqual({ length: header.length, client });
    for (let length = 0; length < header.length; length++) {
      expect(readProxyHeader(header.subarray(0, length))).toBe('incomplete');
    }
  });

  test.each([
    ['no header', rest],
    ['TLS', Buffer.from([0x16, 3, 1, 0, 200])],
    ['an address that is none', Buffer.from('PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n')],
    ['the other family', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
    ['a port that is none', Buffer.from('PROXY TCP4 1.2.3.4 4.5.6.7 99999 2\r\n')],
    ['a port too few', Buffer.from('PROXY TCP4 1.2.3.4 4.5.6.7 1\r\n')],
    ['no carriage return', Buffer.from('PROXY TCP4 1.2.3.4 4.5.6.7 1 2\n')],
    ['a line without end', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(120)}`)],
    ['version 3', version2(V4, 0x31)],
    ['an unknown command', version2(V4, 0x22)],
    [
      'too short for its addresses',
      Buffer.concat([version2(V4).subarray(0, 12), Buffer.from([0x21, 0x11, 0, 4, 1, 2, 3, 4])]),
    ],
    ['longer than any', Buffer.concat([version2(V4).subarray(0, 12), Buffer.from([0x21, 0x11, 0xff, 0xff])])],
  ])('malformed: %s', (_name, bytes) => {
    expect(readProxyHeader(bytes)).toBe('malformed');
  });
});

test('TrustedAddresses knows networks, single addresses, and IPv4 in IPv6 form', () => {
  const trusted = TrustedAddresses.parse('10.1.0.0/16, 192.0.2.1,fd00::/8');
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.1', 'fd12::1'])
    expect(trusted.includes(address)).toBe(true);
  for (const address of ['10.2.0.1', '192.0.2.2', 'fe80::1', '', 'x']) expect(trusted.includes(address)).toBe(false);
});

describe('C03: behind a proxy that speaks the PROXY protocol', () => {
  let pod: OpsPod;
  const proxies: TcpProxy[] = [];
  const proxy = async (header: Buffer) => {
    const started = await TcpProxy.start([pod.port], () => header);
    proxies.push(started);
    return `http://127.0.0.1:${started.port}`;
  };
  const refused = (reason: string) =>
    pod.metric(`flotilla_connections_refused_total{reason="${reason}",worker="primary"}`);
  beforeAll(async () => {
    pod = await startOpsPod({
      workers: 2,
      args: ['--proxy-protocol-from', '127.0.0.1', '--max-connections-per-address', '8'],
    });
  }, 60_000);
  afterEach(async () => {
    for (const each of proxies.splice(0)) await each.stop();
  });
  afterAll(() => pod?.stop());

  test.each([
    ['version 1', version1(V4), V4.address],
    ['version 2', version2(V4), V4.address],
    ['version 2, IPv6', version2(V6), '2001:db8::7'],
  ])('C03: %s: the app sees the client on every path, and bodies are whole', async (_name, header, ip) => {
    const url = await proxy(header);
    const seen = {
      get: await json<Seen>(`${url}/address`, { headers: { 'X-Forwarded-For': '6.6.6.6' } }),
      post: await json<Seen>(`${url}/address`, { method: 'POST', body: '{"a":1}' }),
      ...(await seenOnEveryPath(url)),
    };
    expect(shown(seen)).toEqual([`${ip} []`]);
    expect(new Set(Object.values(seen).map(({ worker }) => worker)).size).toBe(2);
    const body = Buffer.alloc(300_000, 'flotilla');
    expect(await json(`${url}/hash`, { method: 'POST', body })).toEqual({ length: body.length, hash: sha256(body) });
  });

  test('header and request may come in one packet', async () => {
    const connection = new RawConnection(pod.port);
    connection.socket.write(
      Buffer.concat([version2(V4), Buffer.from('GET /address HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')]),
    );
    expect(await connection.ends()).toMatch(/"ip": "203\.0\.113\.7"[\s\S]*\}$/);
  });

  test.each([
    ['LOCAL', version2(V4, 0x20)],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ])('%s: a connection of the proxy’s own has its own address', async (_name, header) => {
    const { ip } = await json<Seen>(`${await proxy(header)}/address`);
    expect(ip.replace('::ffff:', '')).toBe('127.0.0.1');
  });

  test('without a header: closed without an answer, and counted; one that says nothing is not', async () => {
    const before = (await refused('proxy-header')) ?? 0;
    const plain = new RawConnection(pod.port);
    plain.write('GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await plain.ends()).toBe('');
    const silent = new RawConnection(pod.port);
    silent.socket.end();
    await silent.ends();
    const half = new RawConnection(pod.port);
    half.socket.end('PROXY TCP4 1.2');
    await half.ends();
    await until(
      () => refused('proxy-header'),
      (count) => count === before + 2,
    );
  });

  test('from another address no header is believed', async () => {
    const { ip } = await json<Seen>(`${pod.url}/address`, { localAddress: '127.0.0.2' });
    expect(ip.replace('::ffff:', '')).toBe('127.0.0.2');
    const forged = new RawConnection(pod.port, '127.0.0.2');
    forged.socket.write(version1(V4));
    forged.write('GET /address HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await forged.ends()).toMatch(/^HTTP\/1.1 400 /);
  });

  test('connections are counted by the client’s address, not by the proxy’s', async () => {
    const [url, other] = [await proxy(version1(V4)), await proxy(version2({ address: '203.0.113.8', port: 1 }))];
    const sockets = Array.from({ length: 8 }, () => scatteringClient(url, { transports: ['websocket'] }));
    await Promise.all(sockets.map(connected));
    expect((await send(`${url}/whoami`)).status).toBe(429);
    // the request need not come with the header
    const late = new RawConnection(pod.port);
    late.socket.write(version1(V4));
    await new Promise((resolve) => setTimeout(resolve, 50));
    late.write('GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await late.ends()).toMatch(/^HTTP\/1.1 429 /);
    expect((await send(`${other}/whoami`)).status).toBe(200);
    for (const socket of sockets) socket.close();
  });
});

describe('C03: the PROXY protocol with TLS in the app', () => {
  const certificate = makeCertificate();
  let pod: OpsPod;
  beforeAll(async () => {
    pod = await startOpsPod({
      workers: 2,
      tls: true,
      args: ['--proxy-protocol-from', '127.0.0.0/8'],
      env: { FIXTURE_TLS: certificate.path },
    });
  }, 60_000);
  afterAll(async () => {
    await pod?.stop();
    certificate.remove();
  });

  test('C03: the header comes before TLS, and the app sees the client on every path, tunnels included', async () => {
    const proxy = await TcpProxy.start([pod.port], () => version2(V4));
    expect(shown(await seenOnEveryPath(`https://127.0.0.1:${proxy.port}`))).toEqual(['203.0.113.7 []']);
    await proxy.stop();
  });
});
