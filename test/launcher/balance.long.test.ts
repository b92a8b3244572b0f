import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type OpsPod, startOpsPod, until } from '../ops/support/ops-pod';
import { connected, inBatches, scatteringClient, virtual } from './support/clients';

const CLIENTS = 90;
const WORKERS = 3;

/** How many clients each worker has, by its number; asked of the clients. */
async function spread(clients: Socket[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const workers = await Promise.all(clients.map((client) => virtual<{ worker: string }>(client, 'get', '/whoami')));
  for (const { worker } of workers) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  return counts;
}

describe('new connections go to the worker with the fewest', () => {
  let pod: OpsPod;
  const clients: Socket[] = [];
  const connect = (count: number) =>
    inBatches(count, 15, async () => {
      const client = scatteringClient(pod.url, {
        transports: ['websocket'],
        reconnection: true,
        reconnectionDelay: 20,
        reconnectionDelayMax: 200,
      });
      clients.push(client);
      await connected(client);
    });
  const allBack = () =>
    until(
      async () => clients.every((client) => client.connected),
      (back) => back,
    );
  beforeAll(async () => {
    pod = await startOpsPod({ workers: WORKERS, args: ['--drain-window', '300'] });
  }, 60_000);
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(() => pod?.stop());

  test('clients are spread evenly, and after a reload of every worker they are again', async () => {
    await connect(CLIENTS);
    for (const count of (await spread(clients)).values()) expect(Math.abs(count - CLIENTS / WORKERS)).toBeLessThan(4);
    process.kill(pod.program.pid, 'SIGHUP');
    await pod.logged(/reload: done/);
    await allBack();
    const after = await spread(clients);
    expect([...after.keys()].sort()).toEqual(['4', '5', '6']);
    for (const count of after.values()) expect(Math.abs(count - CLIENTS / WORKERS)).toBeLessThan(10);
  });

  test('the worker that takes the place of a killed one gets the new connections, until it has as many', async () => {
    await connect(CLIENTS);
    const { workers } = await pod.status();
    process.kill(workers[0]?.pid as number, 'SIGKILL');
    await pod.logged(/worker ready/, 2 * WORKERS + 1);
    await allBack();
    // the others took in its clients meanwhile
    await connect(CLIENTS / 2);
    const after = await spread(clients);
    expect(after.size).toBe(WORKERS);
    for (const count of after.values()) expect(Math.abs(count - (CLIENTS * 1.5) / WORKERS)).toBeLessThan(10);
  });
});
