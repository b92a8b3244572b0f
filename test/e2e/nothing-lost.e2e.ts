import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Site } from './support/ingress';
import { Namespace, run } from './support/kubernetes';
import { type Balance, Ledger } from './support/ledger';
import { Release } from './support/release';
import { until } from './support/until';
import { embeddedRedis, HOST, imageOf } from './support/values';

const APP = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla';
const REDIS = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla-redis';
const LISTENERS = 16;
const namespace = new Namespace('flotilla-e2e-ledger');
const site = new Site(`http://${HOST}`);
const folder = mkdtempSync(join(tmpdir(), 'flotilla-e2e-'));
const release = new Release(namespace, 'demo', folder);
const values = {
  redis: { ...embeddedRedis(), link: 'redis-streams' },
  ingress: { enabled: true, hosts: [{ host: HOST, paths: [{ path: '/', pathType: 'Prefix' }] }] },
};
let token = '';

beforeAll(async () => {
  await namespace.create();
  await release.upgrade(values, '--wait');
  await namespace.settled(APP, 2);
  await until('answer through the ingress', 30_000, async () => (await site.get('/')) === 200);
  const secret = ['get', 'secret', 'demo-flotilla-session', '-o', 'jsonpath={.data.probe-token}'];
  token = Buffer.from(await namespace.kubectl(...secret), 'base64').toString();
});

afterAll(async () => {
  site.close();
  rmSync(folder, { recursive: true, force: true });
  await namespace.delete();
});

const podName = async () => (await namespace.pods(APP))[0]?.metadata.name ?? '';

async function restarts(selector: string): Promise<number> {
  const pods = await namespace.pods(selector);
  return pods.reduce((sum, { status }) => sum + (status.containerStatuses?.[0]?.restartCount ?? 0), 0);
}

/** Does something while numbered messages are sent, until both pods are there again, and tells what of them arrived. */
async function under(what: string, change: (ledger: Ledger) => Promise<unknown>, spared?: string): Promise<Balance> {
  const ledger = new Ledger(site, token);
  await ledger.start(LISTENERS, spared);
  let balance: Balance | undefined;
  try {
    await ledger.progress(20);
    await change(ledger);
    await namespace.settled(APP, 2, 150_000);
    await namespace.settled(REDIS, 1);
    await ledger.progress(20);
  } finally {
    balance = await ledger.stop();
  }
  console.log(`${what}: ${JSON.stringify(balance)}`);
  return balance;
}

describe('of numbered messages over redis-streams nothing is lost and nothing comes twice', () => {
  const exact = { fresh: 0, lost: 0, duplicates: 0 };

  it('by helm upgrade', async () => {
    const changed = { image: imageOf('E2E_IMAGE_NEXT'), podAnnotations: { 'e2e/version': '2' } };
    const balance = await under('helm upgrade', () => release.upgrade({ ...values, ...changed }, '--wait'));
    expect(balance).toMatchObject(exact);
    expect(balance.moves).toBeGreaterThanOrEqual(LISTENERS);
  });

  it('by a pod that is deleted by force', async () => {
    const victim = await podName();
    const balance = await under(
      'forced delete',
      () => namespace.kubectl('delete', 'pod', victim, '--grace-period=0', '--force'),
      victim,
    );
    expect(balance).toMatchObject(exact);
  });

  it.runIf(process.env.E2E_CRASH)('by SIGKILL of a pod’s first process', async () => {
    const victim = await podName();
    const before = await restarts(APP);
    const crash = async () => {
      await run(process.env.E2E_CRASH ?? '', ['crash', namespace.name, victim]);
      await until('restart of the container', 60_000, async () => (await restarts(APP)) > before);
    };
    expect(await under('crash', crash, victim)).toMatchObject(exact);
  });

  const dropped = () => namespace.metric(APP, 'flotilla_bus_dropped_total', 'reason="link-down"');

  it('by a Redis that is restarted with its data, also for clients that are away afterwards', async () => {
    const before = { restarts: await restarts(REDIS), dropped: await dropped() };
    const save = ['sh', '-c', 'redis-cli --no-auth-warning -a "$REDIS_PASSWORD" SHUTDOWN SAVE'];
    const balance = await under('Redis restarted', async (ledger) => {
      const [pod] = await namespace.pods(REDIS);
      // The connection ends with the server, which is no success to everybody.
      await namespace.kubectl('exec', pod?.metadata.name ?? '', '--', ...save).catch(() => undefined);
      await until('restart of Redis', 60_000, async () => (await restarts(REDIS)) > before.restarts);
      await namespace.settled(REDIS, 1);
      await ledger.progress(50);
      ledger.cut(LISTENERS / 2);
    });
    expect(balance.duplicates).toBe(0);
    // Messages that waited for longer than 5 s are dropped: that is counted, and who was away is told.
    if ((await dropped()) === before.dropped) expect(balance).toMatchObject(exact);
  });

  it('by a Redis that begins anew with nothing, but for what is told and counted', async () => {
    const before = { pods: await namespace.pods(REDIS), dropped: await dropped() };
    const balance = await under('Redis anew', async (ledger) => {
      const name = before.pods[0]?.metadata.name ?? '';
      ledger.cut(LISTENERS / 2);
      await namespace.kubectl('delete', 'pod', name, '--grace-period=0', '--force');
      await until('another Redis', 60_000, async () =>
        (await namespace.settled(REDIS, 1)).every(({ metadata }) => metadata.name !== name),
      );
    });
    expect(balance.duplicates).toBe(0);
    expect(await namespace.metric(APP, 'flotilla_bus_gaps_total')).toBeGreaterThan(0);
    if ((await dropped()) === before.dropped) expect(balance.lost).toBe(0);
  });
});
