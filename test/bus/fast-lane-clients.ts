import { once } from 'node:events';
import type { Socket as ServerSocket } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';
import { connectionOf, type LaneServer, until } from './fast-lane-server';

/** A client, the server's side of it, and the events that arrive. */
export interface LaneClient<Client> {
  client: Client;
  socket: ServerSocket;
  events: unknown[][];
}

/** Connects a client of Socket.IO, which joins `room`. */
export async function connectClient(
  server: LaneServer,
  cleanups: Array<() => void>,
  options: object = {},
): Promise<LaneClient<Socket>> {
  const [[socket], client] = await Promise.all([
    once(server.io, 'connection') as Promise<[ServerSocket]>,
    new Promise<Socket>((resolve) => {
      const opening = connect(server.url, {
        forceNew: true,
        reconnection: false,
        transports: ['websocket'],
        ...options,
      });
      cleanups.push(() => opening.close());
      opening.once('connect', () => resolve(opening));
    }),
  ]);
  socket.join('room');
  const events: unknown[][] = [];
  client.onAny((...event: unknown[]) => events.push(event));
  await until(() => connectionOf(socket).transport.writable);
  return { client, socket, events };
}

/** Connects a client that can stop reading, and whose websocket is at hand. */
export async function connectRawClient(
  server: LaneServer,
  cleanups: Array<() => void>,
): Promise<LaneClient<WebSocket>> {
  const url = `${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const client = new WebSocket(url, { perMessageDeflate: false, rejectUnauthorized: false });
  cleanups.push(() => client.terminate());
  const events: unknown[][] = [];
  client.on('message', (data) => {
    const text = String(data);
    if (text.startsWith('0')) client.send('40');
    if (text.startsWith('2')) client.send('3');
    if (text.startsWith('42')) events.push(JSON.parse(text.slice(2)));
  });
  const [socket] = (await once(server.io, 'connection')) as [ServerSocket];
  await until(() => connectionOf(socket).transport.writable);
  return { client, socket, events };
}
