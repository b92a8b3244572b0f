import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisServer } from '../support/redis-server';
import { forkPods, stopAll } from './pod-processes';
import { RoamingClient, range } from './recovery-pod';
import { stopProcess, type TestServer } from './topology';

const CLIENTS = 2_000;
const AT_ONCE = 100;

let redis: RedisServer;
let pods: TestServer[] = [];
const clients: RoamingClient[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
  pods = await forkPods(['pod-a', 'pod-b', 'pod-c'], redis.url, { TEST_LINK: 'redis-streams', TEST_RECOVERY: '{}' });
});
afterAll(async () => {
  for (const client of clients) client.close();
  await stopAll(pods);
  await redis?.stop();
});

async function inBatches(act: (client: RoamingClient, index: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < clients.length; first += AT_ONCE) {
    await Promise.all(clients.slice(first, first + AT_ONCE).map((client, index) => act(client, first + index)));
  }
}

it(`gives ${CLIENTS} clients of a killed pod, which come at once to two others, everything, once`, async () => {
  const [a, b, c] = pods as [TestServer, TestServer, TestServer];
  const emit = (server: TestServer, number: number) =>
    server.run('emit', { rooms: ['all'], event: 'n', args: [number] });
  clients.push(...Array.from({ length: CLIENTS }, () => new RoamingClient(a)));
  await inBatches(async (client) => {
    await client.connect();
    await client.join('all');
  });
  for (const number of range(1, 10)) await emit(pods[number % 3] as TestServer, number);
  await Promise.all(clients.map((client) => client.untilTrue(() => client.got('n').length === 10)));
  const gone = clients.map((client) => client.gone());
  await stopProcess(a);
  await Promise.all(gone);
  for (const number of range(11, 60)) await emit(number % 2 ? b : c, number);
  await Promise.all(clients.map((client, index) => client.connect(index % 2 ? b : c)));
  // Whoever is not recovered would be waited for in vain below.
  const counts = await Promise.all([b, c].map((server) => server.run('recoveryCounts')));
  expect(counts.map(({ failedByReason }) => failedByReason)).toEqual([{}, {}]);
  await emit(b, 61);
  await Promise.all(clients.map((client) => client.until('n', 61)));
  expect(clients.filter(({ recovered }) => recovered)).toHaveLength(CLIENTS);
  for (const client of clients)
    expect(client.got('n').sort((left, right) => Number(left) - Number(right))).toEqual(range(1, 61));
}, 300_000);
