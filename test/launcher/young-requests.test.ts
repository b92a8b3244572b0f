import { afterAll, beforeAll, expect, test } from 'vitest';
import { connected, inBatches, scatteringClient, virtual } from './support/clients';
import { type RunningPod, startPod } from './support/pod';

const WARM_UP = 4_000;
const REQUESTS = 3_000;
/** A third of what that many requests leave behind where they are made among old objects. */
const MOST_GROWTH_BYTES = 6 * 1_048_576;

let pod: RunningPod;

beforeAll(async () => {
  pod = await startPod({ workers: 1 });
}, 60_000);
afterAll(() => pod?.stop());

test('requests leave nothing among the old objects of a worker, where only a full collection frees it', async () => {
  const socket = scatteringClient(pod.url, { transports: ['websocket'] });
  await connected(socket);
  const ask = () => virtual<{ oldBytes: number }>(socket, 'get', '/memory');
  await inBatches(WARM_UP, 20, ask);
  const before = await ask();
  await inBatches(REQUESTS, 20, ask);
  const after = await ask();
  expect(after.oldBytes - before.oldBytes).toBeLessThan(MOST_GROWTH_BYTES);
  socket.close();
}, 60_000);
