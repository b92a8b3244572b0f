import { afterAll, beforeAll, expect, test } from 'vitest';
import { RedisServer } from '../support/redis-server';
import { type ProxiedRequest, startHaproxy } from './support/haproxy';
import { ClientProcesses, SoakedPod } from './support/soak';

/** `FLOTILLA_SOAK_CLIENTS=2000` for the full size. */
const CLIENTS = Number(process.env.FLOTILLA_SOAK_CLIENTS ?? 200);
const TRAFFIC_MS = Number(process.env.FLOTILLA_SOAK_MS ?? 60_000);
/** Messages per second, of all clients together. */
const RATE = 50;
const PAUSE_MS = 2_000;
/** A kill, a reload, a drain: whatever time they take. */
const LEAST_ROUNDS = 3;
/**
 * The share of clients whose handshake may be told to come later: one that comes over a connection to a worker of a pod that
 * stops is (docs/launcher.md). Nobody is turned away in any other way.
 */
const MOST_DELAYED = 0.01;
/** haproxy tells the begin of a request to the millisecond, and hears of a death a little later. */
const BLURRED_MS = 1_000;

let redis: RedisServer;
let pods: [SoakedPod, SoakedPod];
let proxy: Awaited<ReturnType<typeof startHaproxy>>;
let clients: ClientProcesses;

beforeAll(async () => {
  redis = await RedisServer.start();
  pods = await Promise.all([SoakedPod.start('pod-a', redis.url), SoakedPod.start('pod-b', redis.url)]);
  proxy = await startHaproxy(pods);
});
afterAll(async () => {
  clients?.kill();
  await proxy?.stop();
  await Promise.all((pods ?? []).map((pod) => pod.running.stop()));
  await redis?.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test('a soak: workers are killed, reloads and drains run under traffic; every message is acknowledged or reported', async () => {
  const [moving, staying] = pods;
  clients = new ClientProcesses({ url: proxy.url, clients: CLIENTS, processes: 2, everyMs: (CLIENTS / RATE) * 1_000 });
  await clients.connected();
  clients.send();
  await pause(PAUSE_MS);
  const before = await staying.held();

  const kills: number[] = [];
  const codes: Array<number | null> = [];
  const kill = async (pod: SoakedPod) => kills.push((await pod.killWorker()).at);
  const rounds = [
    () => kill(staying),
    () => moving.reload(),
    async () => codes.push(await moving.restart()),
    () => kill(moving),
    () => staying.reload(),
    () => kill(staying),
  ];
  const begun = Date.now();
  for (let round = 0; round < LEAST_ROUNDS || Date.now() - begun < TRAFFIC_MS; round++) {
    await rounds[round % rounds.length]?.();
    await pause(PAUSE_MS);
  }
  const trafficMs = Date.now() - begun;
  const counts = await clients.rest();
  const after = await staying.held();
  const requests = proxy.requests();
  await clients.leave();

  const failed = requests.filter(({ status }) => status >= 400);
  const byStatus = countBy(failed, ({ status, end }) => `${status} ${end}`);
  console.log(
    JSON.stringify({
      clients: CLIENTS,
      trafficMs,
      kills: kills.length,
      codes,
      ...counts,
      requests: requests.length,
      byStatus,
      before,
      after,
    }),
  );

  const { sent, acknowledged, refused, disconnected, lost, wrong } = counts.totals;
  expect({ lost, wrong, ended: acknowledged + refused + disconnected }).toEqual({ lost: 0, wrong: 0, ended: sent });
  expect(counts.copies.twice).toBe(0);
  expect(codes.every((code) => code === 0)).toBe(true);
  // else the proxy's log was not understood, and says nothing about failures
  expect(requests.length).toBeGreaterThan(CLIENTS);
  const isOfKill = ({ status, begun: from, ended: to }: ProxiedRequest) =>
    status === 502 && kills.some((at) => from <= at + BLURRED_MS && to >= at);
  const delayed = failed.filter(isDelayedHandshake);
  expect(delayed.length).toBeLessThanOrEqual(Math.ceil(CLIENTS * MOST_DELAYED));
  expect(
    countBy(
      failed.filter((request) => !isOfKill(request) && !delayed.includes(request)),
      ({ status, method }) => `${method} ${status}`,
    ),
  ).toEqual({});
  expect(after.files).toBeLessThanOrEqual(before.files + 20);
  expect(after.heapMib).toBeLessThan(before.heapMib * 1.5 + 20);
}, 400_000);

/** Its client comes back, or the soak would not come to rest. */
function isDelayedHandshake({ method, path, status, retryAfter }: ProxiedRequest): boolean {
  return method === 'GET' && status === 503 && retryAfter !== '-' && !/[?&]sid=/.test(path);
}

function countBy<T>(items: T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
