import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { Site } from './support/ingress';
import { Namespace, run } from './support/kubernetes';
import { Release } from './support/release';
import { hears, onTwoPods } from './support/two-pods';
import { until } from './support/until';
import { HOST } from './support/values';

const APP = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla';
const REDIS = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla-redis';
const STRANGER = 'stranger';

/** In a pod that is not of the release: which of the addresses given take a connection. */
const KNOCK = `
const { connect } = require('node:net');
const knock = (address) => new Promise((resolve) => {
  const [host, port] = address.split(':');
  const socket = connect({ host, port, timeout: 2000 });
  socket.once('connect', () => resolve(address)).once('error', () => resolve()).once('timeout', () => resolve());
  socket.once('connect', () => socket.destroy()).once('timeout', () => socket.destroy());
});
Promise.all(process.argv.slice(1).map(knock)).then((open) => console.log(open.filter(Boolean).join(' ')));
`;

describe.runIf(process.env.E2E_POLICIES)('with network policies', () => {
  const namespace = new Namespace('flotilla-policies');
  const site = new Site(`http://${HOST}`);
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-policies-'));
  const release = new Release(namespace, 'demo', folder);
  const values = { ingress: { enabled: true, hosts: [{ host: HOST, paths: [{ path: '/', pathType: 'Prefix' }] }] } };

  beforeAll(async () => {
    await namespace.create();
    await run(process.env.E2E_POLICIES ?? '', ['enforce-policies']);
    await namespace.apply(stringify(stranger()));
    await release.upgrade(values, '--wait');
    await namespace.settled(APP, 2);
    await namespace.kubectl('wait', '--for=condition=Ready', `pod/${STRANGER}`, '--timeout=60s');
  });
  afterAll(async () => {
    site.close();
    rmSync(folder, { recursive: true, force: true });
    await namespace.delete();
  });

  /** Ports of the release that take a connection from a pod of somebody else, in order. */
  async function openToStrangers(): Promise<string[]> {
    const [app] = await namespace.pods(APP);
    const [redis] = await namespace.pods(REDIS);
    const address = app?.status.podIP ?? '';
    const doors = [1337, 9090, 9091].map((port) => `${address}:${port}`).concat(`${redis?.status.podIP}:6379`);
    const open = await namespace.kubectl('exec', STRANGER, '--', 'node', '-e', KNOCK, ...doors);
    return open
      .trim()
      .split(' ')
      .filter(Boolean)
      .map((door) => door.split(':')[1] ?? '');
  }

  it('a pod of somebody else reaches nothing that is not for it; the release, its probes and the ingress reach all', async () => {
    // Without a policy: what is refused below is there.
    expect(await openToStrangers()).toEqual(['1337', '9090', '9091', '6379']);

    // Nobody in the cluster has such a label.
    const from = [{ podSelector: { matchLabels: { role: 'proxy' } } }];
    await release.upgrade(
      { ...values, networkPolicy: { enabled: true, http: { from }, egress: { enabled: true } } },
      '--wait',
    );
    await until('closed ports', 60_000, async () => (await openToStrangers()).length === 0);

    // Polls without affinity need the port between pods; a press that is heard on the other pod needs Redis and PostgreSQL.
    await namespace.settled(APP, 2);
    const [here, there] = await onTwoPods(site, 'polling');
    await hears(here, there);
    await hears(there, here);
    here.disconnect();
    there.disconnect();
    expect(await namespace.helm('test', 'demo', '--timeout', '120s')).toMatch(/Phase:\s+Succeeded/);
  });
});

function stranger(): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: STRANGER },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: STRANGER,
          image: process.env.E2E_IMAGE,
          command: ['node', '-e', 'setInterval(() => {}, 1_000_000)'],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
}
