import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Site } from './support/ingress';
import { Namespace, run } from './support/kubernetes';
import { type Balance, Ledger } from './support/ledger';
import { probeClients } from './support/ledger-probe-client';
import { sailsClients } from './support/ledger-sails-client';
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
  extraEnv: [{ name: 'LOADTEST_ROUTES', value: 'true' }],
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

/** Ledgers of both kinds of clients, side by side. */
class Ledgers {
  private readonly ledgers = {
    'socket.io-client': new Ledger(probeClients(site, token)),
    'our client': new Ledger(sailsClients(site)),
  };

  async start(listeners: number, spared?: string): Promise<void> {
    await Promise.all(Object.values(this.ledgers).map((ledger) => ledger.start(listeners, spared)));
  }

  async progress(messages: number): Promise<void> {
    await Promise.all(Object.values(this.ledgers).map((ledger) => ledger.progress(messages)));
  }

  cut(listeners: number): void {
    for (const ledger of Object.values(this.ledgers)) ledger.cut(listeners);
  }

  async stop(): Promise<Record<string, Balance>> {
    const balances = Object.entries(this.ledgers).map(async ([name, ledger]) => [name, await ledger.stop()] as const);
    return Object.fromEntries(await Promise.all(balances));
  }
}

/** Does something while numbered messages are sent, until both pods are there again, and tells what of them arrived, by kind of client. */
async function under(
  what: string,
  change: (ledgers: Ledgers) => Promise<unknown>,
  spared?: string,
): Promise<Record<string, Balance>> {
  const ledgers = new Ledgers();
  await ledgers.start(LISTENERS, spared);
  let balances: Record<string, Balance> = {};
  try {
    await ledgers.progress(20);
    await change(ledgers);
    await namespace.settled(APP, 2, 150_000);
    await namespace.settled(REDIS, 1);
    await ledgers.progress(20);
  } finally {
    balances = await ledgers.stop();
  }
  console.log(`${what}: ${JSON.stringify(balances)}`);
  return balances;
}

/** The same of both kinds of clients. */
const ofBoth = (expected: object) => ({ 'socket.io-client': expected, 'our client': expected });

describe('of numbered messages over redis-streams nothing is lost and nothing comes twice', () => {
  const exact = { fresh: 0, lost: 0, duplicates: 0 };

  it('by helm upgrade', async () => {
    const changed = { image: imageOf('E2E_IMAGE_NEXT'), podAnnotations: { 'e2e/version': '2' } };
    const balances = await under('helm upgrade', () => release.upgrade({ ...values, ...changed }, '--wait'));
    expect(balances).toMatchObject(ofBoth(exact));
    for (const { moves } of Object.values(balances)) expect(moves).toBeGreaterThanOrEqual(LISTENERS);
  });

  it('by a pod that is deleted by force', async () => {
    const victim = await podName();
    const balances = await under(
      'forced delete',
      () => namespace.kubectl('delete', 'pod', victim, '--grace-period=0', '--force'),
      victim,
    );
    expect(balances).toMatchObject(ofBoth(exact));
  });

  it.runIf(process.env.E2E_CRASH)('by SIGKILL of a pod’s first process', async () => {
    const victim = await podName();
    const before = await restarts(APP);
    const crash = async () => {
      await run(process.env.E2E_CRASH ?? '', ['crash', namespace.name, victim]);
      await until('restart of the container', 60_000, async () => (await restarts(APP)) > before);
    };
    expect(await under('crash', crash, victim)).toMatchObject(ofBoth(exact));
  });

  const linksUp = () => namespace.metric(APP, 'flotilla_link_state', 'state="up"');
  const dropped = () => namespace.metric(APP, 'flotilla_bus_dropped_total', 'reason="link-down"');

  it('by a Redis that is restarted with its data, also for clients that are away afterwards', async () => {
    const before = { restarts: await restarts(REDIS), dropped: await dropped() };
    const save = ['sh', '-c', 'redis-cli --no-auth-warning -a "$REDIS_PASSWORD" SHUTDOWN SAVE'];
    const balances = await under('Redis restarted', async (ledgers) => {
      const [pod] = await namespace.pods(REDIS);
      // The connection ends with the server, which is no success to everybody.
      await namespace.kubectl('exec', pod?.metadata.name ?? '', '--', ...save).catch(() => undefined);
      await until('restart of Redis', 60_000, async () => (await restarts(REDIS)) > before.restarts);
      await namespace.settled(REDIS, 1);
      // A pod that does not have Redis back yet can't recover anybody.
      await until('link of both pods', 60_000, async () => (await linksUp()) === 2);
      await ledgers.progress(50);
      ledgers.cut(LISTENERS / 2);
    });
    expect(balances).toMatchObject(ofBoth({ duplicates: 0 }));
    // Messages that waited for longer than 5 s are dropped: that is counted, and who was away is told.
    if ((await dropped()) === before.dropped) expect(balances).toMatchObject(ofBoth(exact));
  });

  it('by a Redis that begins anew with nothing, but for what is told and counted', async () => {
    const before = { pods: await namespace.pods(REDIS), dropped: await dropped() };
    const balances = await under('Redis anew', async (ledgers) => {
      const name = before.pods[0]?.metadata.name ?? '';
      ledgers.cut(LISTENERS / 2);
      await namespace.kubectl('delete', 'pod', name, '--grace-period=0', '--force');
      await until('another Redis', 60_000, async () =>
        (await namespace.settled(REDIS, 1)).every(({ metadata }) => metadata.name !== name),
      );
    });
    expect(balances).toMatchObject(ofBoth({ duplicates: 0 }));
    expect(await namespace.metric(APP, 'flotilla_bus_gaps_total')).toBeGreaterThan(0);
    if ((await dropped()) === before.dropped) expect(balances).toMatchObject(ofBoth({ lost: 0 }));
  });
});
