import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, closeAll, connect } from './support/clients.js';
import { startElectedFleet, type TestFleet } from './support/fleet.js';
import type { App } from './support/lift.js';

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startElectedFleet(3);
});
afterEach(closeAll);
afterAll(() => fleet?.close());

const join = (worker: number, headers?: Record<string, string>): Promise<Client> =>
  connect('client 4', fleet.urls[worker] as string, { headers });

async function blastReaches(from: Client, to: Client): Promise<void> {
  const heard = to.next('news');
  await from.request('post', '/fire', { method: 'blast', args: ['news', 1] });
  expect(await heard).toBe(1);
}

describe('under pm2, where there is no primary to ask', () => {
  it('workers find each other, and share sessions', async () => {
    const [a, b] = (await Promise.all([join(0), join(1)])) as [Client, Client];
    await blastReaches(a, b);
    const answer = await fetch(`${fleet.urls[0]}/count`, { method: 'POST' });
    const cookie = (answer.headers.get('set-cookie') as string).split(';', 1)[0] as string;
    const other = await join(2, { cookie });
    expect((await other.request('post', '/count')).body).toMatchObject({ count: 2 });
  });

  it('when a worker dies, whichever holds the hub, the others go on', async () => {
    const victim = fleet.workers[0];
    const exited = once(victim as App, 'exit');
    victim?.kill('SIGKILL');
    await exited;
    const [a, b] = (await Promise.all([join(1), join(2)])) as [Client, Client];
    await vi.waitFor(
      async () => expect(((await a.request('get', '/fleet')).body as App).pods[0].workers).toHaveLength(2),
      {
        timeout: 10_000,
      },
    );
    await blastReaches(a, b);
    await blastReaches(b, a);
  });
});
