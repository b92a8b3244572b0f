import type { Socket } from 'socket.io-client';
import { expect } from 'vitest';
import { arrives, ask, connected, type Site, whoAmI } from './ingress';
import { until } from './until';

/** A connected socket on each of two pods. */
export async function onTwoPods(site: Site, transport: 'websocket' | 'polling'): Promise<[Socket, Socket]> {
  const first = await connected(site.socket([transport]));
  const { pod } = await whoAmI(first);
  const second = await until('socket on another pod', 60_000, async () => {
    const socket = await connected(site.socket([transport]));
    if ((await whoAmI(socket)).pod !== pod) return socket;
    socket.disconnect();
    // Where a proxy takes turns, sessions of an even number of requests would all begin at the same pod.
    await site.get('/');
    return false;
  });
  return [first, second];
}

/** Settles when a press by `from` is heard by `to`. */
export async function hears(from: Socket, to: Socket): Promise<void> {
  await ask(to, 'get', '/api/counter/subscribe');
  const heard = arrives(to, 'counterUpdated');
  expect((await ask(from, 'post', '/api/counter/increment')).statusCode).toBe(200);
  await heard;
}
