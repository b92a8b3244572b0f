import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { parseOwner } from '../../dist/bus/ids';
import { connected, inBatches, scatteringClient, upgraded, virtual } from '../launcher/support/clients';
import { TestFleet } from './support/fleet';
import { type RoundRobin, startRoundRobin } from './support/round-robin';

describe('C23: two pods of two workers behind a proxy without affinity', () => {
  let fleet: TestFleet;
  let proxy: RoundRobin;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    fleet = await TestFleet.start(['pod-a', 'pod-b']);
    proxy = await startRoundRobin(fleet.ports);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });
  afterAll(async () => {
    await proxy?.stop();
    await fleet?.stop();
  });

  const client = (transports: string[]) => {
    const socket = scatteringClient(proxy.url, { transports });
    sockets.push(socket);
    return socket;
  };

  test('C23: 50 polling-only clients: none is disconnected, no request is answered 400', async () => {
    let ends = 0;
    const clients = Array.from({ length: 50 }, () => client(['polling']));
    for (const socket of clients) socket.on('disconnect', () => ends++);
    await Promise.all(clients.map(connected));
    const owners = new Set(clients.map((socket) => (socket.io.engine.id ?? '').slice(0, 6)));
    expect(owners.size).toBe(4);
    for (let round = 0; round < 5; round++) {
      await Promise.all(clients.map((socket) => virtual(socket, 'get', '/whoami')));
    }
    expect(ends).toBe(0);
    expect(Object.keys(proxy.statuses())).toEqual(['200']);
  });

  test('C23: 1,000 clients that begin with polling: 1,000 connect, 1,000 upgrade', async () => {
    const results = await inBatches(1_000, 25, async () => {
      const socket = client(['polling', 'websocket']);
      await new Promise<void>((resolve, reject) => {
        socket.io.once('open', resolve);
        socket.io.once('error', reject);
      });
      const transport = upgraded(socket);
      await connected(socket);
      const result = {
        transport: await transport,
        owner: parseOwner(socket.io.engine.id ?? ''),
        seen: await virtual<{ worker: string; pod: string }>(socket, 'get', '/whoami'),
      };
      socket.close();
      return result;
    });
    expect(results.filter(({ transport }) => transport === 'websocket')).toHaveLength(1_000);
    expect(new Set(results.map(({ owner }) => owner?.pod)).size).toBe(2);
    expect(results.filter(({ seen }) => seen.pod === 'pod-a').length).toBeGreaterThan(300);
    expect(results.filter(({ seen }) => seen.pod === 'pod-b').length).toBeGreaterThan(300);
    expect(proxy.statuses()['400']).toBeUndefined();
  }, 120_000);
});
