import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseOwner } from '../../dist/bus/ids';
import { makeCertificate } from './support/certificate';
import { connected, inBatches, scatteringClient, upgraded, virtual } from './support/clients';
import { type RunningPod, startPod } from './support/pod';

interface Seen {
  ip: string;
  protocol: string;
  worker: string;
}

/** Connects by polling, upgrades, and asks over the websocket what the app sees. */
async function connectAndUpgrade(url: string, open: Socket[]) {
  const socket = scatteringClient(url, { transports: ['polling', 'websocket'] });
  open.push(socket);
  const opened = new Promise<void>((resolve, reject) => {
    socket.io.once('open', resolve);
    socket.io.once('error', reject);
  });
  await opened;
  const transport = upgraded(socket);
  await connected(socket);
  return {
    transport: await transport,
    owner: parseOwner(socket.io.engine.id ?? '')?.worker,
    seen: await virtual<Seen>(socket, 'get', '/address'),
  };
}

describe('mode route, three workers on one port, without stickiness', () => {
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 3 });
  }, 60_000);
  afterAll(() => pod?.stop());

  test('1,000 clients that begin with polling: 1,000 connect, 1,000 upgrade', async () => {
    const open: Socket[] = [];
    const results = await inBatches(1_000, 25, () => connectAndUpgrade(pod.url, open));
    for (const socket of open) socket.close();
    expect(results.filter(({ transport }) => transport === 'websocket')).toHaveLength(1_000);
    expect(new Set(results.map(({ seen }) => seen.ip.replace('::ffff:', '')))).toEqual(new Set(['127.0.0.1']));
    expect(new Set(results.map(({ owner }) => owner)).size).toBe(3);
    // the handshake decides the owner, and connections are balanced
    for (const worker of ['1', '2', '3']) {
      expect(results.filter(({ seen }) => seen.worker === worker).length).toBeGreaterThan(200);
    }
  }, 120_000);
});

describe('mode route with TLS in the app', () => {
  const certificate = makeCertificate();
  let pod: RunningPod;
  beforeAll(async () => {
    pod = await startPod({ workers: 3, tls: true, env: { FIXTURE_TLS: certificate.path } });
  }, 60_000);
  afterAll(async () => {
    await pod?.stop();
    certificate.remove();
  });

  test('100 clients that begin with polling: 100 connect, 100 upgrade, and are seen as what they are', async () => {
    const open: Socket[] = [];
    const results = await inBatches(100, 10, () => connectAndUpgrade(pod.url, open));
    for (const socket of open) socket.close();
    expect(results.filter(({ transport }) => transport === 'websocket')).toHaveLength(100);
    expect(new Set(results.map(({ seen }) => seen.ip.replace('::ffff:', '')))).toEqual(new Set(['127.0.0.1']));
    expect(new Set(results.map(({ seen }) => seen.worker)).size).toBe(3);
  }, 60_000);
});
