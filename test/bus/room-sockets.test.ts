import type { Socket as ServerSocket } from 'socket.io';
import type { Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, type LaneClient } from './fast-lane-clients';
import { type LaneServer, startLaneServer, until } from './fast-lane-server';

/** Enough for the room and the namespace to be kept in lists. */
const CLIENTS = 12;

let server: LaneServer;
let clients: Array<LaneClient<Socket>>;
const cleanups: Array<() => void> = [];

beforeEach(async () => {
  server = await startLaneServer({ adapter: 'ours' });
  clients = [];
  for (let index = 0; index < CLIENTS; index++) clients.push(await connectClient(server, cleanups));
});

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
  await server.close();
});

/** Who gets a broadcast to the room, and one to everybody: the indices of the clients, once for each time. */
async function reached(number: number): Promise<{ room: number[]; everybody: number[] }> {
  server.io.to('room').emit('room', number);
  server.io.emit('everybody', number);
  for (const { socket } of clients) socket.emit('end', number);
  const connected = clients.filter(({ socket }) => socket.connected);
  await until(() => connected.every(({ events }) => events.some(([name, end]) => name === 'end' && end === number)));
  const of = (name: string) =>
    clients.flatMap(({ events }, index) =>
      events.filter((event) => event[0] === name && event[1] === number).map(() => index),
    );
  return { room: of('room'), everybody: of('everybody') };
}

const all = Array.from({ length: CLIENTS }, (_, index) => index);
const socketAt = (index: number) => clients[index]?.socket as ServerSocket;

describe('a broadcast to a large room', () => {
  it('reaches who is in it now, whoever has come and gone since the one before', async () => {
    expect(await reached(1)).toEqual({ room: all, everybody: all });
    socketAt(3).leave('room');
    expect(await reached(2)).toEqual({ room: all.filter((index) => index !== 3), everybody: all });
    socketAt(3).join('room');
    socketAt(4).disconnect();
    await until(() => !socketAt(4).connected);
    const withoutFour = all.filter((index) => index !== 4);
    expect(await reached(3)).toEqual({ room: withoutFour, everybody: withoutFour });
    clients.push(await connectClient(server, cleanups));
    expect(await reached(4)).toEqual({ room: [...withoutFour, CLIENTS], everybody: [...withoutFour, CLIENTS] });
    server.io.in('room').socketsLeave('room');
    expect(await reached(5)).toEqual({ room: [], everybody: [...withoutFour, CLIENTS] });
  });

  it('reaches who comes, and not who goes, while listeners to outgoing packets are called', async () => {
    socketAt(0).leave('room');
    await reached(1);
    socketAt(5).onAnyOutgoing((name) => {
      if (name !== 'room') return;
      socketAt(0).join('room');
      socketAt(2).leave('room');
      socketAt(8).leave('room');
    });
    // The second had its message already.
    expect((await reached(2)).room).toEqual(all.filter((index) => index !== 8));
    expect((await reached(3)).room).toEqual(all.filter((index) => index !== 2 && index !== 8));
  });

  it('reaches a socket that was in the room before it was in the namespace, as those that are recovered', async () => {
    const { sockets } = server.io.sockets;
    const { id } = socketAt(6);
    sockets.delete(id);
    expect(await reached(1)).toEqual({
      room: all.filter((index) => index !== 6),
      everybody: all.filter((index) => index !== 6),
    });
    sockets.set(id, socketAt(6));
    expect(await reached(2)).toEqual({ room: all, everybody: all });
  });
});
