import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Socket as NetSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Socket as ServerSocket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { findTcpHandle, type TcpHandle } from '../../dist/bus/adapter/fast-lane/direct-writer';
import { makeCertificates } from '../support/redis-certificates';
import { connectClient, connectRawClient } from './fast-lane-clients';
import { connectionOf, type LaneServer, startLaneServer, until } from './fast-lane-server';

let server: LaneServer;
const cleanups: Array<() => void> = [];

beforeEach(async () => {
  // A ping would find a connection that is gone, too.
  server = await startLaneServer({ adapter: 'ours', options: { pingInterval: 600_000 } });
});

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
  await server.close();
  vi.restoreAllMocks();
});

const newClient = () => connectClient(server, cleanups);
const newRawClient = () => connectRawClient(server, cleanups);
const streamOf = (socket: ServerSocket) => connectionOf(socket).transport.socket._socket;
const handleOf = (socket: ServerSocket) => (streamOf(socket) as unknown as { _handle: TcpHandle })._handle;

/** Lets the server learn how Node writes, from a broadcast to a first client. */
async function learn(): Promise<void> {
  const { client, events } = await newClient();
  server.io.emit('first');
  await until(() => events.length === 1);
  client.close();
  await until(() => server.io.sockets.sockets.size === 0);
}

/** Whether Node's own stream has made a request: it notes the handle. */
const isOfStream = (request: object) => 'handle' in request;

/** Counts what is written for a socket past its stream, and through it. */
function writesOf(socket: ServerSocket): { direct: number; throughStream: number } {
  const handle = handleOf(socket);
  const spies = [vi.spyOn(handle, 'writeBuffer'), vi.spyOn(handle, 'writev')];
  const count = (ofStream: boolean) =>
    spies.flatMap((spy) => spy.mock.calls).filter(([request]) => isOfStream(request) === ofStream).length;
  return {
    get direct() {
      return count(false);
    },
    get throughStream() {
      return count(true);
    },
  };
}

/** Broadcasts to a client that does not read, until the system takes no more. */
async function fillUp(client: WebSocket, socket: ServerSocket, bytes: number): Promise<number> {
  client.pause();
  let sent = 0;
  while (connectionOf(socket).transport.writable) {
    server.io.emit('e', sent, pad(sent, bytes));
    sent += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return sent;
}

/** How Socket.IO tells of a connection that ended by a write of ours. */
const FAILED_WRITE = [
  'transport error',
  expect.objectContaining({ description: expect.stringMatching(/write (EPIPE|ECONNRESET)/) }),
];

/** A text that tells which message it belongs to, throughout. */
const pad = (number: number, bytes: number) => `${number}.`.repeat(bytes / `${number}.`.length);

describe('a broadcast to websockets over TCP', () => {
  it('is written past the stream once an ordinary write has been watched', async () => {
    const first = await newClient();
    server.io.emit('e', 0);
    await until(() => first.events.length === 1);
    expect(Object.keys(handleOf(first.socket))).not.toContain('writeBuffer');

    const second = await newClient();
    const clients = [first, second];
    const writes = clients.map(({ socket }) => writesOf(socket));
    const before = streamOf(second.socket).bytesWritten;
    server.io.emit('e', 1);
    expect(writes.map(({ direct }) => direct)).toEqual([0, 0]);
    await until(() => first.events.length === 2 && second.events.length === 1);
    expect(writes.map(({ direct, throughStream }) => [direct, throughStream])).toEqual([
      [1, 0],
      [1, 0],
    ]);
    expect(streamOf(second.socket).bytesWritten - before).toBe('..42["e",1]'.length);
  });

  it('leaves with the others of the tick in one write, in the order of each socket', async () => {
    await learn();
    const clients = [await newClient(), await newClient(), await newClient()];
    clients.forEach(({ socket }, index) => {
      if (index !== 1) socket.join('even');
      if (index !== 0) socket.join('late');
    });
    const writes = clients.map(({ socket }) => writesOf(socket));
    for (let index = 0; index < 10; index++) {
      const room = ['room', 'even', 'late'][index % 3] as string;
      server.io.to(room).emit('e', index);
    }
    server.io.emit('e', 'end');
    const isComplete = () => clients.every(({ events }) => events.at(-1)?.[1] === 'end');
    await until(isComplete);
    expect(clients.map(({ events }) => events.map(([, number]) => number))).toEqual([
      [0, 1, 3, 4, 6, 7, 9, 'end'],
      [0, 2, 3, 5, 6, 8, 9, 'end'],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'end'],
    ]);
    expect(writes.map(({ direct, throughStream }) => [direct, throughStream])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
  });

  it('keeps its place among what is emitted to one socket, pings of the websocket, and its end', async () => {
    await learn();
    const { client, events, socket } = await newRawClient();
    client.on('ping', (data) => events.push(['ping', String(data)]));
    client.on('close', () => events.push(['close']));
    const writes = writesOf(socket);
    const websocket = connectionOf(socket).transport.socket as unknown as WebSocket;
    socket.emit('e', 1);
    server.io.emit('e', 2);
    await until(() => events.length === 2);
    server.io.emit('e', 3);
    websocket.ping('between');
    await until(() => events.length === 4);
    server.io.emit('e', 4);
    socket.emit('e', 5);
    server.io.emit('e', 6);
    await until(() => events.length === 7);
    await until(() => connectionOf(socket).transport.writable);
    server.io.emit('e', 7);
    connectionOf(socket).close();
    await until(() => events.at(-1)?.[0] === 'close');
    expect(events.map((event) => event[1] ?? event[0])).toEqual([1, 2, 3, 'between', 4, 5, 6, 7, 'close']);
    expect(writes.direct).toBe(3);
  });

  it('arrives whole and in order where the system takes a part of it, also if the memory was collected meanwhile', async () => {
    await learn();
    const { client, events, socket } = await newRawClient();
    const bytes = 900_000;
    let sent = await fillUp(client, socket, bytes);
    // What is written through the stream counts there until it is gone.
    expect(handleOf(socket).writeQueueSize).toBeGreaterThan(0);
    expect(streamOf(socket).writableLength).toBe(0);
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    (connectionOf(socket).transport.socket as unknown as WebSocket).ping();
    const pinged = once(client, 'ping');
    server.io.emit('e', sent, pad(sent, bytes));
    sent += 1;

    client.resume();
    await until(() => events.length === sent);
    await pinged;
    expect(events.map(([, number, text]) => text === pad(number as number, bytes) && number)).toEqual(
      Array.from({ length: sent }, (_, index) => index),
    );
    await until(() => connectionOf(socket).transport.writable);
    const later = writesOf(socket);
    server.io.emit('e', 'direct again');
    await until(() => events.length === sent + 1);
    expect(later).toMatchObject({ direct: 1, throughStream: 0 });
  });

  it('does not overtake what the websocket itself has written, and the stream still has', async () => {
    await learn();
    const { client, events, socket } = await newRawClient();
    client.pause();
    const websocket = connectionOf(socket).transport.socket as unknown as WebSocket;
    let sent = 0;
    const send = () => websocket.send(`42["e",${sent++},"${'x'.repeat(900_000)}"]`);
    while (streamOf(socket).writableLength === 0) send();
    send();
    expect(connectionOf(socket).transport.writable).toBe(true);
    server.io.emit('e', sent++);
    client.resume();
    await until(() => events.length === sent);
    expect(events.map(([, number]) => number)).toEqual(Array.from({ length: sent }, (_, index) => index));
  });

  it('waits in the queue of Engine.IO, where it is counted, for a client that does not read', async () => {
    await learn();
    const { client, socket } = await newRawClient();
    await fillUp(client, socket, 50_000);
    const { writeQueueSize } = handleOf(socket);
    expect(writeQueueSize).toBeLessThan(60_000);
    for (let index = 0; index < 50; index++) {
      server.io.emit('e', index, pad(index, 50_000));
      server.io.volatile.emit('e', 'dropped');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(connectionOf(socket).writeBuffer).toHaveLength(50);
    expect(handleOf(socket).writeQueueSize).toBeLessThanOrEqual(writeQueueSize);
    expect(streamOf(socket).writableLength).toBe(0);
  });

  it('ends a connection that was reset, and reaches the others', async () => {
    await learn();
    const { client, socket } = await newRawClient();
    const { events } = await newClient();
    const gone = once(socket, 'disconnect');
    const writes = writesOf(socket);
    // The server has not heard of it yet when it writes.
    (client as unknown as { _socket: NetSocket })._socket.resetAndDestroy();
    server.io.emit('e', 1);
    expect(await gone).toEqual(FAILED_WRITE);
    expect(writes.direct).toBe(1);
    await until(() => events.length === 1);
  });

  it('ends a connection that is reset while bytes wait for it', async () => {
    await learn();
    const { client, socket } = await newRawClient();
    await fillUp(client, socket, 50_000);
    // Else the server would hear of it by reading, too.
    (handleOf(socket) as unknown as { readStop(): void }).readStop();
    const gone = once(socket, 'disconnect');
    (client as unknown as { _socket: NetSocket })._socket.resetAndDestroy();
    expect(await gone).toEqual(FAILED_WRITE);
  });

  it('does no harm to a connection that the server ends while bytes wait for it', async () => {
    await learn();
    const { client, socket } = await newRawClient();
    await fillUp(client, socket, 50_000);
    const stream = streamOf(socket);
    const closed = once(stream, 'close');
    (connectionOf(socket).transport.socket as unknown as WebSocket).terminate();
    expect(await closed).toEqual([false]);
    await until(() => !socket.connected);
  });

  it('goes through the stream where that has a timeout', async () => {
    await learn();
    const { events, socket } = await newClient();
    streamOf(socket).setTimeout(60_000);
    const writes = writesOf(socket);
    server.io.emit('e', 1);
    await until(() => events.length === 1);
    expect(writes).toMatchObject({ direct: 0, throughStream: 1 });
    streamOf(socket).setTimeout(0);
    server.io.emit('e', 2);
    await until(() => events.length === 2);
    expect(writes).toMatchObject({ direct: 1, throughStream: 1 });
  });
});

describe('a Node that writes in another way', () => {
  const doctored: Array<[string, (handle: TcpHandle) => void]> = [
    ['does not count what is written', (handle) => Object.defineProperty(handle, 'bytesWritten', { value: 7 })],
    ['has no length of the queue', (handle) => Object.defineProperty(handle, 'writeQueueSize', { value: 1 })],
  ];

  it.each(doctored)('is found out by the first write if it %s', async (_, change) => {
    const first = await newClient();
    change(handleOf(first.socket));
    server.io.emit('e', 1);
    await until(() => first.events.length === 1);
    const second = await newClient();
    const writes = writesOf(second.socket);
    for (let number = 2; number < 5; number++) {
      server.io.emit('e', number);
      await until(() => first.events.length === number && second.events.length === number - 1);
    }
    expect(writes).toMatchObject({ direct: 0, throughStream: 3 });
  });

  it.each<[string, () => unknown]>([
    ['writes nothing', () => 0],
    ['answers with something else', () => ({})],
    [
      'throws',
      () => {
        throw new TypeError('no such request');
      },
    ],
  ])('is found out by the first direct write if it %s, and nothing is lost', async (_, writeBuffer) => {
    await learn();
    const first = await newClient();
    const second = await newClient();
    const handle = handleOf(first.socket);
    const { writeBuffer: ofNode } = handle;
    Object.assign(handle, {
      writeBuffer: (request: object, bytes: Buffer) =>
        isOfStream(request) ? (ofNode as (...all: unknown[]) => unknown).call(handle, request, bytes) : writeBuffer(),
    });
    const writes = writesOf(second.socket);
    for (let number = 1; number < 4; number++) {
      server.io.emit('e', number);
      await until(() => first.events.length === number && second.events.length === number);
    }
    expect(first.events.map(([, number]) => number)).toEqual([1, 2, 3]);
    expect(writes).toMatchObject({ direct: 0, throughStream: 3 });
  });
});

describe('the handle for direct writes', () => {
  it('is that of a plain TCP connection', async () => {
    const { socket } = await newClient();
    expect(findTcpHandle(streamOf(socket))).toBe(handleOf(socket));
  });

  it('is not looked for below TLS', async () => {
    await server.close();
    const folder = mkdtempSync(join(tmpdir(), 'flotilla-tls-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const { keyFile, certFile } = await makeCertificates(folder);
    const tls = { key: readFileSync(keyFile), cert: readFileSync(certFile) };
    server = await startLaneServer({ adapter: 'ours', tls });
    const { events, socket } = await connectClient(server, cleanups, { rejectUnauthorized: false });
    expect(findTcpHandle(streamOf(socket))).toBeUndefined();
    const throughStream = vi.spyOn(streamOf(socket), 'write');
    for (let number = 1; number < 4; number++) {
      server.io.emit('e', number);
      await until(() => events.length === number);
    }
    expect(throughStream.mock.calls.filter(([bytes]) => bytes.length > 0)).toHaveLength(3);
  });

  it.each(['write', '_write', '_writev', '_writeGeneric', 'end', 'cork', 'uncork'])(
    'is not taken where somebody has put his own "%s" in between',
    async (name) => {
      const { socket } = await newClient();
      const stream = streamOf(socket);
      Object.assign(stream, { [name]: stream[name as 'write'].bind(stream) });
      expect(findTcpHandle(stream)).toBeUndefined();
    },
  );

  it('is not that of a stream that is closed, or of another kind', async () => {
    const { socket } = await newClient();
    const stream = streamOf(socket);
    expect(findTcpHandle(new NetSocket())).toBeUndefined();
    class OtherSocket extends NetSocket {}
    expect(findTcpHandle(new OtherSocket({ handle: handleOf(socket) } as object))).toBeUndefined();
    stream.destroy();
    expect(findTcpHandle(stream)).toBeUndefined();
  });
});
