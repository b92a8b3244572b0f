import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from '../example/chromium';
import { openTab, shownCount, showsCount, whoAmI as whoServes } from '../example/tab';
import { arrives, connected, Site, whoAmI } from './support/ingress';
import { Namespace, run, waitingReasons } from './support/kubernetes';
import { installMetricsAdapter, removeMetricsAdapter } from './support/metrics-adapter';
import { Release } from './support/release';
import { summary, Traffic } from './support/traffic';
import { hears, onTwoPods } from './support/two-pods';
import { until } from './support/until';
import { CHART, HOST, imageOf } from './support/values';

/** Who answers in the namespace of the probe. */
interface ProbeIdentity {
  podName: string;
  worker: number;
}

const APP = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla';
const REDIS = 'app.kubernetes.io/instance=demo,app.kubernetes.io/name=flotilla-redis';
const namespace = new Namespace('flotilla-e2e');
const site = new Site(`https://${HOST}`);
const folder = mkdtempSync(join(tmpdir(), 'flotilla-e2e-'));
const release = new Release(namespace, 'demo', folder);

beforeAll(async () => {
  await namespace.create();
  const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.crt')];
  await run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${HOST}`,
    '-addext',
    `subjectAltName=DNS:${HOST}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  await namespace.kubectl('create', 'secret', 'tls', 'counter-tls', `--key=${key}`, `--cert=${certificate}`);
});

afterAll(async () => {
  site.close();
  rmSync(folder, { recursive: true, force: true });
  await namespace.delete();
});

describe('the example, installed with its chart', () => {
  it('comes up under the restricted Pod Security standard, and answers through the ingress', async () => {
    await release.upgrade({}, '--wait');
    await namespace.settled(APP, 2);
    await until('answer through the ingress', 30_000, async () => (await site.get('/')) === 200);
  });

  it('passes helm test: a socket, a round trip, a broadcast from pod to pod', async () => {
    expect(await namespace.helm('test', 'demo', '--timeout', '120s')).toMatch(/Phase:\s+Succeeded/);
  });

  it('C25: the ingress lets silent sockets be, and both transports hear what another pod sends', async () => {
    for (const transport of ['websocket', 'polling'] as const) {
      const [here, there] = await onTwoPods(site, transport);
      await hears(here, there);
      await hears(there, here);
      here.disconnect();
      there.disconnect();
    }
  });

  /** Twenty clients that poll ask ten times who serves them; returns how many of their requests one pod passed on to another. */
  async function poll(): Promise<number> {
    const passedOn = () => namespace.metric(APP, 'flotilla_misrouted_requests_total', 'way="pod-poll"');
    const before = await passedOn();
    const pollers = await Promise.all(Array.from({ length: 20 }, () => connected(site.socket(['polling']))));
    const losses: string[] = [];
    for (const poller of pollers) poller.on('disconnect', (reason) => losses.push(reason));
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(pollers.map(whoAmI));
      expect(new Set(answers.map(({ pod }) => pod)).size).toBe(2);
    }
    const during = (await passedOn()) - before;
    for (const poller of pollers) poller.removeAllListeners('disconnect').disconnect();
    expect(losses).toEqual([]);
    return during;
  }

  it('C23: clients that only poll are served without affinity, by two pods that pass their polls on', async () => {
    expect(await poll()).toBeGreaterThan(0);
  });

  it('clients that only poll stay at their pod with affinity', async () => {
    const isSticky = async () => (await site.cookies('/')).includes('flotilla-pod');
    await release.upgrade({ stickiness: { mode: 'traefik' } }, '--wait');
    await until('cookie of the ingress', 30_000, isSticky);
    expect(await poll()).toBe(0);
    await release.upgrade({}, '--wait');
    await until('answer without that cookie', 30_000, async () => !(await isSticky()));
  });
});

describe('the page in a browser, over TLS', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  it('shows presses, chat and a login in a tab on the other pod', async () => {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    context.setDefaultTimeout(20_000);
    const here = await openTab(context, site.url);
    const { pod } = await whoServes(here);
    const there = await until('tab on another pod', 90_000, async () => {
      const tab = await openTab(context, site.url);
      if ((await whoServes(tab)).pod !== pod) return tab;
      await tab.close();
      return false;
    });

    const count = await shownCount(there);
    await here.click('#increment');
    await showsCount(there, count + 1);

    await here.fill('#login-name', 'Grace');
    await here.click('#login button');
    await here.waitForSelector('#me:not([hidden])');
    expect(await whoServes(there)).toMatchObject({ transport: 'socket', user: { displayName: 'Grace' } });

    await here.fill('#say-text', 'from pod to pod');
    await here.click('#say button');
    await there.locator('#messages li .text', { hasText: 'from pod to pod' }).waitFor();
    await context.close();
  });
});

describe('changes under traffic', () => {
  /** Does something to the release while people use it, until exactly `pods` pods are there, and tells what they saw. */
  async function under(what: string, pods: number, change: () => Promise<unknown>) {
    const traffic = new Traffic(site, 30, 10);
    await traffic.start();
    let seen: Awaited<ReturnType<Traffic['stop']>>;
    try {
      await change();
      await namespace.settled(APP, pods, 150_000);
    } finally {
      seen = await traffic.stop();
    }
    console.log(`${what}: ${summary(seen)}`);
    return seen;
  }

  it('C26: a new version costs no HTTP request, and every socket is back', async () => {
    const { failed, lost, gaps } = await under('helm upgrade', 2, () =>
      release.upgrade({ image: imageOf('E2E_IMAGE_NEXT'), podAnnotations: { 'e2e/version': '2' } }, '--wait'),
    );
    expect(failed).toEqual([]);
    expect(lost).toBe(0);
    // Nobody was sent to a pod that was gone.
    expect(gaps.flatMap(({ reasons }) => reasons)).not.toContain('timeout');
  });

  it('C26: scaled from 2 to 4 and back, no HTTP request fails, and every socket is back', async () => {
    const { failed, lost } = await under('2 to 4 to 2', 2, async () => {
      await namespace.kubectl('scale', 'deployment/demo-flotilla', '--replicas=4');
      await namespace.settled(APP, 4);
      await namespace.kubectl('scale', 'deployment/demo-flotilla', '--replicas=2');
    });
    expect(failed).toEqual([]);
    expect(lost).toBe(0);
  });

  it.runIf(process.env.E2E_THROWAWAY)(
    'C26: an autoscaler goes from 2 to 4 pods and back by sockets per pod',
    async () => {
      const scaled = (target: number) => ({
        autoscaling: {
          enabled: true,
          minReplicas: 2,
          maxReplicas: 4,
          targetCPUUtilizationPercentage: null,
          sockets: { target },
          behavior: {
            scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }] },
          },
        },
        metrics: { scrapeAnnotations: true },
      });
      await installMetricsAdapter(namespace, process.env.E2E_IMAGE ?? '', 'counter-tls');
      try {
        await release.upgrade(scaled(1_000), '--wait');
        await namespace.settled(APP, 2);
        // 40 sockets are there meanwhile.
        const { failed, lost } = await under('autoscaler, 2 to 4 to 2', 2, async () => {
          await release.upgrade(scaled(10));
          await namespace.settled(APP, 4);
          await release.upgrade(scaled(25));
        });
        expect(failed).toEqual([]);
        expect(lost).toBe(0);
        await release.upgrade({}, '--wait');
        await namespace.settled(APP, 2);
      } finally {
        await removeMetricsAdapter(namespace);
      }
    },
    480_000,
  );

  it('a pod that is deleted by force takes nobody with it', async () => {
    const { lost } = await under('forced delete', 2, async () => {
      const [victim] = await namespace.pods(APP);
      await namespace.kubectl('delete', 'pod', victim?.metadata.name ?? '', '--grace-period=0', '--force');
    });
    expect(lost).toBe(0);
  });

  it.runIf(process.env.E2E_CRASH)('a pod whose first process is killed comes back, and so do its sockets', async () => {
    const [victim] = await namespace.pods(APP);
    const name = victim?.metadata.name ?? '';
    const { lost } = await under('crash', 2, async () => {
      await run(process.env.E2E_CRASH ?? '', ['crash', namespace.name, name]);
      await until('restart of the container', 60_000, async () => {
        const pod = (await namespace.pods(APP)).find(({ metadata }) => metadata.name === name);
        return (pod?.status.containerStatuses?.[0]?.restartCount ?? 0) > 0;
      });
    });
    expect(lost).toBe(0);
    // It had no time to drain.
    expect(await namespace.kubectl('logs', name, '--previous')).not.toMatch(/SIGTERM|draining/i);
  });
});

describe('without Redis', () => {
  /** Sockets on two workers of one pod. */
  async function onTwoWorkers(token: string): Promise<[Socket, Socket]> {
    const first = await connected(site.probe(token));
    const { podName, worker } = (await first.emitWithAck('whoami')) as ProbeIdentity;
    const second = await until('socket on another worker of the pod', 60_000, async () => {
      const socket = await connected(site.probe(token));
      const other = (await socket.emitWithAck('whoami')) as ProbeIdentity;
      if (other.podName === podName && other.worker !== worker) return socket;
      socket.disconnect();
      return false;
    });
    return [first, second];
  }

  it('for 30 s the page answers, and broadcasts reach all workers of a pod; afterwards all pods', async () => {
    const secret = await namespace.kubectl(
      'get',
      'secret',
      'demo-flotilla-session',
      '-o',
      'jsonpath={.data.probe-token}',
    );
    const [here, there] = await onTwoWorkers(Buffer.from(secret, 'base64').toString());
    await there.timeout(10_000).emitWithAck('join', 'e2e');
    const uids = (await namespace.settled(APP, 2)).map(({ metadata }) => metadata.uid).sort();

    await namespace.kubectl('scale', 'deployment/demo-flotilla-redis', '--replicas=0');
    await namespace.settled(REDIS, 0);
    const end = performance.now() + 30_000;
    for (let round = 1; performance.now() < end; round++) {
      expect(await site.get('/')).toBe(200);
      const heard = arrives<number>(there, 'probe');
      await here.timeout(10_000).emitWithAck('broadcast', 'e2e', round);
      expect(await heard).toBe(round);
      await delay(200);
    }
    // Not one pod went, or became unready.
    expect((await namespace.settled(APP, 2, 5_000)).map(({ metadata }) => metadata.uid).sort()).toEqual(uids);
    expect(here.connected && there.connected).toBe(true);
    here.disconnect();
    there.disconnect();

    await namespace.kubectl('scale', 'deployment/demo-flotilla-redis', '--replicas=1');
    await namespace.settled(REDIS, 1);
    await until('broadcast from pod to pod', 60_000, async () => {
      const [here, there] = await onTwoPods(site, 'websocket');
      try {
        await hears(here, there);
        return true;
      } finally {
        here.disconnect();
        there.disconnect();
      }
    });
  });
});

describe('what goes wrong', () => {
  it('an image that does not exist stops the rollout, and the old pods serve', async () => {
    const { repository } = imageOf('E2E_IMAGE');
    const before = (await namespace.settled(APP, 2)).map(({ metadata }) => metadata.uid);
    await release.upgrade({ image: { repository, tag: 'no-such-tag', pullPolicy: 'Never' } });
    await until('pod that has no image', 60_000, async () =>
      (await namespace.pods(APP)).some((pod) => waitingReasons(pod).some((reason) => /^Err|BackOff/.test(reason))),
    );
    expect(await site.get('/')).toBe(200);
    const now = await namespace.pods(APP);
    expect(now.map(({ metadata }) => metadata.uid)).toEqual(expect.arrayContaining(before));
  });

  it('helm rollback brings the release back', async () => {
    await namespace.helm('rollback', 'demo', '--wait', '--timeout', '140s');
    await namespace.settled(APP, 2);
    expect(await namespace.helm('test', 'demo', '--timeout', '120s')).toMatch(/Phase:\s+Succeeded/);
  });

  it('a Redis URL that is none: the reason is in the last state of the container', async () => {
    await release.upgrade({ extraEnv: [{ name: 'FLOTILLA_REDIS_URL', value: 'http://redis.example' }] });
    const message = await until('last words of the container', 90_000, async () =>
      (await namespace.pods(APP))
        .map((pod) => pod.status.containerStatuses?.[0]?.lastState.terminated?.message)
        .find((text) => text?.includes('E_')),
    );
    expect(message).toMatch(/redis/i);
    expect(await site.get('/')).toBe(200);
    await namespace.helm('rollback', 'demo', '--wait', '--timeout', '140s');
    await namespace.settled(APP, 2);
  });
});

describe('helm uninstall', () => {
  it('leaves nothing of the release behind', async () => {
    await namespace.helm('uninstall', 'demo', '--wait', '--timeout', '120s');
    await namespace.settled('app.kubernetes.io/instance=demo', 0);
    const kinds = 'deploy,rs,svc,ing,cm,secret,sa,pdb,netpol,hpa,job,pod,endpointslice,role,rolebinding';
    await until('empty namespace', 60_000, async () => {
      const left = await namespace.kubectl('get', kinds, '-l', 'app.kubernetes.io/instance=demo', '-o', 'name');
      if (left.trim()) throw new Error(`still there: ${left}`);
      return true;
    });
  });
});

it('C27: the versions of the chart and of the package are one', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')).toContain(version);
});
