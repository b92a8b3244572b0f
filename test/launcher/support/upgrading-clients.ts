import type { Socket } from 'socket.io-client';
import { expect } from 'vitest';
import { parseOwner } from '../../../dist/bus/ids';
import { connected, inBatches, scatteringClient, upgraded, virtual } from './clients';

/** What the app sees of a client. */
interface Seen {
  ip: string;
  protocol: string;
  worker: string;
}

/** Connects by polling, upgrades, and asks over the websocket what the app sees. */
async function connectAndUpgrade(url: string, open: Socket[]) {
  const socket = scatteringClient(url, { transports: ['polling', 'websocket'] });
  open.push(socket);
  const opened = new Promise<void>((resolve, reject) => {
    socket.io.once('open', resolve);
    socket.io.once('error', reject);
  });
  await opened;
  const transport = upgraded(socket);
  await connected(socket);
  return {
    transport: await transport,
    owner: parseOwner(socket.io.engine.id ?? '')?.worker,
    seen: await virtual<Seen>(socket, 'get', '/address'),
  };
}

/**
 * So many clients begin with polling, a few at once, on a pod of three workers: all connect and upgrade, and every
 * worker has its share.
 */
export async function allUpgrade(url: string, count: number, atOnce: number): Promise<void> {
  const open: Socket[] = [];
  const results = await inBatches(count, atOnce, () => connectAndUpgrade(url, open));
  for (const socket of open) socket.close();
  expect(results.filter(({ transport }) => transport === 'websocket')).toHaveLength(count);
  expect(new Set(results.map(({ seen }) => seen.ip.replace('::ffff:', '')))).toEqual(new Set(['127.0.0.1']));
  // The handshake decides the owner, and connections are balanced.
  expect(new Set(results.map(({ owner }) => owner)).size).toBe(3);
  for (const worker of ['1', '2', '3']) {
    expect(results.filter(({ seen }) => seen.worker === worker).length).toBeGreaterThan(count / 10);
  }
}
