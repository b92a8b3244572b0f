import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificate } from './support/certificate';
import { connected, scatteringClient, upgraded, virtual } from './support/clients';
import { json } from './support/http';
import { type RunningPod, startPod } from './support/pod';

interface Seen {
  ip: string;
  ips: string[];
  protocol: string;
  worker: string;
  forged: string | null;
}

const forged = { 'X-Forwarded-For': '1.2.3.4,5.6.7.8', 'X-Flotilla-Peer': '{"remoteAddress":"6.6.6.6"}' };

/** What the app sees of a client on every path, over polling from both workers, and over an upgraded connection. */
async function seenOnEveryPath(url: string): Promise<Record<string, Seen>> {
  const over = async (transports: string[]) => {
    const client = scatteringClient(url, { transports, extraHeaders: forged });
    const opened = new Promise<void>((resolve) => client.io.once('open', resolve));
    const connecting = connected(client);
    await opened;
    if (transports.length > 1) await upgraded(client);
    await connecting;
    const seen = await virtual<Seen>(client, 'get', '/address');
    client.close();
    return seen;
  };
  const seen: Record<string, Seen> = {
    get: await json(`${url}/address`, { headers: forged }),
    post: await json(`${url}/address`, { method: 'POST', body: '{"a":1}', headers: forged }),
  };
  // requests scatter, so among several clients there are some whose polls and upgrades come through the other worker
  for (let round = 1; round <= 4; round++) {
    seen[`polling ${round}`] = await over(['polling']);
    seen[`upgraded ${round}`] = await over(['polling', 'websocket']);
    seen[`websocket ${round}`] = await over(['websocket']);
  }
  return seen;
}

function addresses(seen: Record<string, Seen>) {
  return Object.fromEntries(
    Object.entries(seen).map(([path, { ip, ips }]) => [path, { ip: ip.replace('::ffff:', ''), ips }]),
  );
}

describe.each([
  { trustProxy: 'false', ip: '127.0.0.1', ips: [] },
  { trustProxy: 'true', ip: '1.2.3.4', ips: ['1.2.3.4', '5.6.7.8'] },
])('C03: the address of a client behind the launcher, trustProxy $trustProxy', ({ trustProxy, ip, ips }) => {
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 2, env: { FIXTURE_TRUST_PROXY: trustProxy } });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('C03: HTTP and virtual requests see the same, on every path', async () => {
    const seen = await seenOnEveryPath(pod.url);
    expect(addresses(seen)).toEqual(Object.fromEntries(Object.keys(seen).map((path) => [path, { ip, ips }])));
    expect(new Set(Object.values(seen).map(({ worker }) => worker)).size).toBe(2);
  });

  test('C03: nobody but a worker can say where a request comes from', async () => {
    const seen = await json<Seen>(`${pod.url}/address`, {
      headers: { 'X-Flotilla-Peer': '{"remoteAddress":"6.6.6.6"}' },
    });
    expect(seen.forged).toBeNull();
    expect(seen.ip.replace('::ffff:', '')).toBe('127.0.0.1');
  });
});

describe('C03: with TLS in the app, where upgrades are tunnelled', () => {
  const certificate = makeCertificate();
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 2, tls: true, env: { FIXTURE_TLS: certificate.path } });
  }, 60_000);
  afterAll(async () => {
    await pod?.stop();
    certificate.remove();
  });

  test('C03: a tunnelled client has its own address', async () => {
    for (let round = 0; round < 6; round++) {
      const client = scatteringClient(pod.url, { transports: ['polling', 'websocket'], extraHeaders: forged });
      await new Promise<void>((resolve) => client.io.once('open', resolve));
      await upgraded(client);
      await connected(client);
      const { ip, ips } = await virtual<Seen>(client, 'get', '/address');
      expect([ip.replace('::ffff:', ''), ips]).toEqual(['127.0.0.1', []]);
      client.close();
    }
  });
});
