import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';

type Options = Partial<ManagerOptions & SocketOptions>;

/** A raw client that scatters its requests over connections: none is used twice. */
export function scatteringClient(url: string, options: Options = {}): Socket {
  const agent = url.startsWith('https') ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false });
  return io(url, {
    forceNew: true,
    reconnection: false,
    timeout: 20_000,
    rejectUnauthorized: false,
    // typed as text; the client in Node takes an agent
    agent: agent as unknown as string,
    query: { __sails_io_sdk_version: '1.2.1' },
    ...options,
  });
}

export function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.connected) resolve();
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
}

/** Settles with the name of the transport it upgraded to; rejects when the socket ends before. */
export function upgraded(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const { engine } = socket.io;
    if (engine.transport.name === 'websocket') resolve('websocket');
    engine.once('upgrade', (transport) => resolve(transport.name));
    engine.once('close', (reason) => reject(new Error(`closed before the upgrade: ${reason}`)));
    engine.once('upgradeError' as never, (error: Error) => reject(error));
  });
}

/** A virtual request. */
export function virtual<Body>(socket: Socket, method: 'get' | 'post', url: string, headers = {}): Promise<Body> {
  return new Promise((resolve) => {
    socket.emit(method, { method, url, headers }, (answer: { body: Body }) => resolve(answer.body));
  });
}

/** Does something many times, a few at once. */
export async function inBatches<T>(count: number, atOnce: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < count; from += atOnce) {
    const size = Math.min(atOnce, count - from);
    results.push(...(await Promise.all(Array.from({ length: size }, (_, index) => act(from + index)))));
  }
  return results;
}
