import { Adapter } from 'socket.io-adapter';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { type Client, closeAll, connect } from './support/clients.js';
import { type App, lift, lowerAll } from './support/lift.js';

afterEach(closeAll);
afterAll(lowerAll);

/** An adapter whose joins are confirmed when the test says so. */
async function liftWithSlowJoins(settings: Record<string, unknown> = {}) {
  const pending = new Map<string, Promise<void>>();
  let confirm: () => void = () => undefined;
  class SlowJoins extends Adapter {
    override addAll(id: string, rooms: Set<string>): void {
      super.addAll(id, rooms);
      if (!rooms.has('slow')) return;
      pending.set(
        id,
        new Promise((resolve) => {
          confirm = () => {
            pending.delete(id);
            resolve();
          };
        }),
      );
    }

    pendingJoins(id: string): Promise<void> | undefined {
      return pending.get(id);
    }
  }
  const { app, url } = await lift({
    log: { level: 'silent' },
    sockets: { adapter: SlowJoins },
    flotilla: settings,
    routes: {
      'PUT /join/:room': (req: App, res: App) => {
        req.socket.join(req.param('room'));
        res.send('joined');
      },
      'GET /other': (_req: App, res: App) => res.send('other'),
    },
  });
  const client: Client = await connect('client 4', url);
  return { client, counters: app.hooks.sockets.counters, confirm: () => confirm() };
}

describe('a virtual response waits for the joins of its request', () => {
  it('until they are confirmed', async () => {
    const { client, counters, confirm } = await liftWithSlowJoins({ holdResponseMs: 30_000 });
    const answered = vi.fn();
    const answer = client.request('put', '/join/slow').then((jwr) => answered(jwr.body));
    await vi.waitFor(() => expect(counters.heldResponses).toBe(1), { timeout: 20_000 });
    expect(answered).not.toHaveBeenCalled();
    confirm();
    await answer;
    expect(answered).toHaveBeenCalledWith('joined');
    expect(counters.heldTooLong).toBe(0);
    await client.request('put', '/join/quick');
    expect(counters.heldResponses).toBe(1);
  });

  it('at most holdResponseMs, which is counted', async () => {
    const { client, counters } = await liftWithSlowJoins({ holdResponseMs: 20 });
    expect((await client.request('put', '/join/slow')).body).toBe('joined');
    expect([counters.heldResponses, counters.heldTooLong]).toEqual([1, 1]);
  });

  it('not at all with holdResponseMs: 0', async () => {
    const { client, counters } = await liftWithSlowJoins({ holdResponseMs: 0 });
    expect((await client.request('put', '/join/slow')).body).toBe('joined');
    expect([counters.heldResponses, counters.heldTooLong]).toEqual([0, 0]);
  });
});
