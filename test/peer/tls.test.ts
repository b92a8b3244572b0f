import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPeerTlsFiles } from '../../dist/launcher/peer/peer-tls';
import { connected, scatteringClient, upgraded, virtual } from '../launcher/support/clients';
import { send } from '../launcher/support/http';
import type { RunningPod } from '../launcher/support/pod';
import { TcpProxy, version2 } from '../launcher/support/proxy-protocol';
import { openSession } from '../launcher/support/sessions';
import { until } from '../ops/support/ops-pod';
import { type Certificates, makeCertificates } from '../support/redis-certificates';
import { TestFleet } from './support/fleet';

const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
const certificates = async (name: string): Promise<Certificates> => makeCertificates(mkdtempSync(join(folder, name)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The sum of a metric over the processes of a pod, for one value of a label. */
async function metric(pod: RunningPod, name: string, label: string): Promise<number> {
  const port = pod.log().find(({ msg }) => /ops server on/.test(msg))?.port;
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(label));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('two pods that speak TLS with each other, one of another authority, and one without TLS', () => {
  let fleet: TestFleet;
  let a: RunningPod;
  let b: RunningPod;
  let stranger: RunningPod;
  let plain: RunningPod;
  const environment = ({ certFile, keyFile, caFile }: Certificates) => ({
    FLOTILLA_PEER_TLS_CERT: certFile,
    FLOTILLA_PEER_TLS_KEY: keyFile,
    FLOTILLA_PEER_TLS_CA: caFile,
    FLOTILLA_PROXY_PROTOCOL_FROM: '127.0.0.2',
  });

  beforeAll(async () => {
    const [ours, theirs] = await Promise.all([certificates('ours'), certificates('theirs')]);
    fleet = await TestFleet.start([]);
    [a, b, stranger, plain] = await Promise.all([
      fleet.add('pod-a', { workers: 1, env: environment(ours) }),
      fleet.add('pod-b', { workers: 1, env: environment(ours) }),
      fleet.add('stranger', { workers: 1, env: environment(theirs) }),
      fleet.add('plain', { workers: 1 }),
    ]);
    for (const pod of fleet.pods) await pod.logged(/joined the fleet/, 3);
  });
  afterAll(() => fleet?.stop());

  const pollElsewhere = async (owner: RunningPod, at: RunningPod) => {
    const { url } = await openSession(owner.url);
    return send(`${at.url}/socket.io/?${url.split('?')[1]}`);
  };

  test('C03: polls and upgrades pass, with the address that a proxy speaks for, and large bodies whole', async () => {
    let target = a.port;
    const proxy = await TcpProxy.start(
      () => target,
      () => version2({ address: '203.0.113.7', port: 1 }),
      '127.0.0.2',
    );
    const url = `http://127.0.0.1:${proxy.port}`;
    for (const transports of [['polling'], ['polling', 'websocket'], ['polling', 'websocket'], ['websocket']]) {
      // its session is in one pod, every later connection goes to the other
      target = a.port;
      const client = scatteringClient(url, { transports });
      await new Promise<void>((resolve) =>
        client.io.once('open', () => {
          target = b.port;
          resolve();
        }),
      );
      if (transports.length > 1) await upgraded(client);
      await connected(client);
      const { ip } = await virtual<{ ip: string }>(client, 'get', '/address');
      expect(ip).toBe('203.0.113.7');
      expect((await virtual<{ text: string }>(client, 'get', '/text?length=2000000')).text).toHaveLength(2_000_000);
      client.close();
    }
    await proxy.stop();
    for (const way of ['pod-poll', 'pod-tunnel']) {
      const [atA = 0, atB = 0] = await Promise.all(
        [a, b].map((pod) => metric(pod, 'flotilla_misrouted_requests_total', `way="${way}"`)),
      );
      expect(atA + atB).toBeGreaterThan(0);
    }
    expect(await metric(a, 'flotilla_peer_connections_total', 'outcome="accepted"')).toBeGreaterThan(0);
    for (const pod of [a, b]) expect(await metric(pod, 'flotilla_peer_tls_refused_total', '')).toBe(0);
  });

  test('a certificate of another authority is refused in both directions: 502, counted on both sides, logged', async () => {
    expect((await pollElsewhere(a, stranger)).status).toBe(502);
    expect((await pollElsewhere(stranger, a)).status).toBe(502);
    for (const pod of [a, stranger]) expect(await metric(pod, 'flotilla_peer_tls_refused_total', 'dialer')).toBe(1);
    await a.program.says(/sessions of pod stranger cannot be passed on.*certificates.*--peer-tls-ca/);
    // the session is not ended by it
    expect((await pollElsewhere(a, b)).status).toBe(200);
  });

  test('pods with and without TLS do not pass on to each other, and say why', async () => {
    expect((await pollElsewhere(plain, a)).status).toBe(502);
    expect((await pollElsewhere(a, plain)).status).toBe(502);
    await a.program.says(/sessions of pod plain cannot be passed on.*not of one mind about TLS/);
    await until(
      () => metric(a, 'flotilla_peer_connections_total', 'outcome="refused"'),
      (count) => count === 0,
    );
  });
});

describe('settings of TLS between pods', () => {
  test('need all three files, which can be read and fit together', async () => {
    const { caFile, certFile, keyFile, clientKeyFile } = await certificates('files');
    const files = { peerTlsCert: certFile, peerTlsKey: keyFile, peerTlsCa: caFile };
    const junk = join(folder, 'junk.pem');
    writeFileSync(junk, 'junk');
    expect(readPeerTlsFiles({})).toBeUndefined();
    expect(readPeerTlsFiles(files)).toEqual({ cert: certFile, key: keyFile, ca: caFile });
    for (const [wrong, message] of [
      [{ ...files, peerTlsCa: undefined }, /there is no peerTlsCa \(--peer-tls-ca, FLOTILLA_PEER_TLS_CA\)/],
      [{ ...files, peerTlsKey: '/nowhere.key' }, /FLOTILLA_PEER_TLS_KEY\) is "\/nowhere\.key", which cannot be read/],
      [{ ...files, peerTlsCa: junk }, /FLOTILLA_PEER_TLS_CA\) is ".*junk\.pem", which cannot be used/],
      [{ ...files, peerTlsKey: clientKeyFile }, /FLOTILLA_PEER_TLS_KEY\) is ".*client\.key", which cannot be used/],
    ] as const) {
      expect(() => readPeerTlsFiles(wrong)).toThrow(
        expect.objectContaining({ code: 'E_LAUNCH_SETTING', message: expect.stringMatching(message) }),
      );
    }
  });
});
