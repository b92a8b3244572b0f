import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { type ClientKind, closeAll, connect } from './support/clients.js';
import { type App, type Lifted, lift, lowerAll } from './support/lift.js';

afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});
afterAll(lowerAll);

async function messagesOut({ app }: Lifted): Promise<number> {
  const readings = await app.hooks.sockets.readMetrics();
  const { values } = readings.find(({ name }: App) => name === 'flotilla_messages_total');
  return values.find(({ labels }: App) => labels.direction === 'out').value;
}

it.each<ClientKind>(['sails.io.js', 'client 4'])(
  'broadcasts pass by the queue of Engine.IO in a whole app, whatever of ours watches its connections, and count as messages (%s)',
  async (kind) => {
    const server = await lift();
    const client = await connect(kind, server.url, { transports: ['websocket'] });
    const [connection] = Object.values<App>(server.app.io.engine.clients);
    await vi.waitUntil(() => connection.transport.writable, { timeout: 20_000 });
    const before = await messagesOut(server);
    const send = vi.spyOn(connection.transport, 'send');
    for (let number = 0; number < 3; number++) {
      const next = client.next('news');
      server.app.sockets.blast('news', number);
      expect(await next).toBe(number);
    }
    expect(send).not.toHaveBeenCalled();
    expect(await messagesOut(server)).toBe(before + 3);
  },
);
