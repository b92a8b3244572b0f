import { join } from 'node:path';
import type { Socket } from 'socket.io-client';
import { scatteringClient } from '../../launcher/support/clients';
import { type PodStart, type RunningPod, startPod } from '../../launcher/support/pod';

export const APP = join(__dirname, '..', 'fixtures', 'app');

/** A pod of this folder's app. */
export function startFixture(start: PodStart = {}): Promise<RunningPod> {
  return startPod({ app: APP, ...start });
}

export function websocketClient(pod: RunningPod, reconnection = false): Socket {
  return scatteringClient(pod.url, { transports: ['websocket'], reconnection, reconnectionDelay: 20 });
}

/** A virtual request with its whole answer. */
export function request(socket: Socket, url: string): Promise<{ body: Record<string, unknown>; statusCode: number }> {
  return new Promise((resolve) => socket.emit('get', { method: 'get', url, headers: {} }, resolve));
}

export function disconnected(socket: Socket): Promise<string> {
  return new Promise((resolve) => socket.once('disconnect', resolve));
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
