import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Socket as NetSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket as ServerSocket } from 'socket.io';
import { io as connect } from 'socket.io-client';
import connect2 from 'socket.io-client-2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as ws from 'ws';
import { findWebsocketStream } from '../../dist/bus/adapter/fast-lane/engine-internals';
import { websocketTextFrame } from '../../dist/bus/adapter/fast-lane/websocket-frame';
import { LocalDelivery } from '../../dist/bus/adapter/local-delivery';
import { makeCertificates } from '../support/redis-certificates';
import { connectClient, connectRawClient } from './fast-lane-clients';
import { type Connection, connectionOf, type LaneServer, startLaneServer, until } from './fast-lane-server';

let server: LaneServer;
const cleanups: Array<() => void> = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) cleanUp();
  await server?.close();
  vi.restoreAllMocks();
});

const newClient = (options?: object) => connectClient(server, cleanups, options);

async function certificates(): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-tls-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const { keyFile, certFile } = await makeCertificates(folder);
  return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
}

/** The packets that go Engine.IO's way, from now on. */
function packetsOf(socket: ServerSocket): unknown[] {
  const { transport } = connectionOf(socket);
  const packets: unknown[] = [];
  const send = transport.send.bind(transport);
  vi.spyOn(transport, 'send').mockImplementation((all) => {
    packets.push(...all);
    send(all);
  });
  return packets;
}

/** Counts what is given to the system for a websocket. */
function writesOf(socket: ServerSocket): { readonly count: number } {
  const { _handle: handle } = connectionOf(socket).transport.socket._socket as unknown as {
    _handle: { writeBuffer(): number; writev(): number };
  };
  const spies = [vi.spyOn(handle, 'writeBuffer'), vi.spyOn(handle, 'writev')];
  return {
    get count() {
      return spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    },
  };
}

describe('the fast lane of broadcasts', () => {
  it('passes by the queue of Engine.IO, and the messages of a tick leave in one write', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const packets = packetsOf(socket);
    const writes = writesOf(socket);
    for (let index = 0; index < 10; index++) server.io.to('room').emit('e', index);
    expect(writes.count).toBe(0);
    await until(() => events.length === 10);
    expect(events).toEqual(Array.from({ length: 10 }, (_, index) => ['e', index]));
    expect(writes.count).toBe(1);
    expect(packets).toEqual([]);
    server.io.emit('alone');
    await until(() => events.length === 11);
    expect(writes.count).toBe(2);
    expect(packets).toEqual([]);
  });

  it('is taken over TLS', async () => {
    const tls = await certificates();
    server = await startLaneServer({ adapter: 'ours', tls });
    const { socket, events } = await newClient({ rejectUnauthorized: false });
    const packets = packetsOf(socket);
    server.io.emit('e', 1);
    server.io.emit('e', 2);
    await until(() => events.length === 2);
    expect(events).toEqual([
      ['e', 1],
      ['e', 2],
    ]);
    expect(packets).toEqual([]);
  });

  it('is taken with the oldest Engine.IO', async () => {
    server = await startLaneServer({ adapter: 'ours', engine: 'oldest' });
    const { socket, events } = await newClient();
    const packets = packetsOf(socket);
    server.io.emit('e', 1);
    await until(() => events.length === 1);
    expect(packets).toEqual([]);
  });

  it('is taken by clients of Engine.IO 3', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const connected = once(server.io, 'connection') as Promise<[ServerSocket]>;
    const client = connect2(server.url, { forceNew: true, transports: ['websocket'] });
    cleanups.push(() => client.close());
    const [socket] = await connected;
    await until(() => connectionOf(socket).transport.writable);
    const packets = packetsOf(socket);
    const got = new Promise((resolve) => client.on('e', resolve));
    server.io.emit('e', 'höllo');
    expect(await got).toBe('höllo');
    expect(packets).toEqual([]);
  });

  it('is left while something is queued, and taken again afterwards', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const packets = packetsOf(socket);
    server.io.emit('e', 1);
    socket.emit('e', 2);
    server.io.emit('e', 3);
    await until(() => events.length === 3);
    expect(events.map(([, number]) => number)).toEqual([1, 2, 3]);
    expect(packets).toHaveLength(2);
    await until(() => connectionOf(socket).transport.writable);
    server.io.emit('e', 4);
    await until(() => events.length === 4);
    expect(packets).toHaveLength(2);
  });

  it('is left for packets with attachments', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const packets = packetsOf(socket);
    server.io.emit('e', 'before');
    server.io.emit('e', Buffer.from([0, 255]));
    server.io.emit('e', 'after');
    await until(() => events.length === 3);
    expect(events.map(([, argument]) => argument)).toEqual(['before', Buffer.from([0, 255]), 'after']);
    expect(packets).toHaveLength(3);
  });

  it('is left where websockets compress', async () => {
    server = await startLaneServer({ adapter: 'ours', options: { perMessageDeflate: { threshold: 0 } } });
    const { socket, events } = await newClient();
    const packets = packetsOf(socket);
    server.io.emit('e', 'x'.repeat(1000));
    await until(() => events.length === 1);
    expect(packets).toHaveLength(1);
  });

  it('drops what is volatile when the socket is not drained, as Socket.IO does', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    server.io.volatile.emit('e', 1);
    server.io.volatile.emit('e', 2);
    socket.volatile.emit('e', 3);
    server.io.emit('e', 4);
    server.io.volatile.emit('e', 5);
    await until(() => events.length === 2);
    server.io.volatile.emit('e', 6);
    await until(() => events.length === 3);
    expect(events.map(([, number]) => number)).toEqual([1, 4, 6]);
  });

  it('shows listeners to outgoing packets what goes out', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const outgoing: unknown[][] = [];
    socket.onAnyOutgoing((...event: unknown[]) => outgoing.push(event));
    server.io.emit('e', 1);
    await until(() => events.length === 1);
    expect(outgoing).toEqual([['e', 1]]);
  });

  it.each([
    ['packetCreate', 'its own'],
    ['flush', 'its own'],
    ['drain', 'its own'],
    ['flush', 'the server'],
    ['drain', 'the server'],
  ])('lets Engine.IO tell those who listen to "%s" on %s side', async (event, where) => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const connection = connectionOf(socket);
    const heard = vi.fn();
    (where === 'the server' ? connection.server : connection).on(event, heard);
    server.io.emit('e', 1);
    await until(() => events.length === 1);
    expect(heard).toHaveBeenCalledOnce();
  });

  it('leaves heartbeats as they are', async () => {
    server = await startLaneServer({ adapter: 'ours', options: { pingInterval: 50, pingTimeout: 20_000 } });
    const { socket, events } = await newClient();
    let heartbeats = 0;
    connectionOf(socket).on('heartbeat', () => {
      heartbeats += 1;
    });
    let sent = 0;
    while (heartbeats < 3) {
      server.io.emit('e', sent++);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => events.length === sent);
    expect(socket.connected).toBe(true);
  });

  it('leaves no listener behind', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const stream = connectionOf(socket).transport.socket._socket;
    const before = [process.listenerCount('exit'), ...stream.eventNames().map((name) => stream.listenerCount(name))];
    for (let index = 0; index < 20; index++) {
      server.io.emit('e');
      await until(() => events.length === index + 1);
    }
    const after = [process.listenerCount('exit'), ...stream.eventNames().map((name) => stream.listenerCount(name))];
    expect(after).toEqual(before);
  });

  it('reaches clients when the process ends right after the broadcast', async () => {
    const child = fork(join(__dirname, 'fast-lane-last-words.cjs'));
    cleanups.push(() => child.kill('SIGKILL'));
    const [port] = (await once(child, 'message')) as [number];
    const client = connect(`http://127.0.0.1:${port}`, {
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
    });
    cleanups.push(() => client.close());
    const events: unknown[] = [];
    client.onAny((event) => events.push(event));
    await once(child, 'exit');
    await until(() => client.disconnected);
    expect(events).toEqual(['last words']);
  });

  it.each(['ours', 'in memory'] as const)(
    'ends a connection whose write fails, with the adapter %s',
    async (adapter) => {
      server = await startLaneServer({ adapter });
      const { socket } = await newClient();
      const stream = connectionOf(socket).transport.socket._socket;
      const fail = (...args: unknown[]) => (args.at(-1) as (error: Error) => void)(new Error('EPIPE'));
      Object.assign(stream, { _write: fail, _writev: fail });
      const gone = once(socket, 'disconnect');
      server.io.emit('e', 1);
      expect((await gone)[0]).toBe('transport error');
    },
  );

  it('serves the other sockets when a listener to the end of one throws', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket } = await newClient();
    const { events } = await newClient();
    socket.on('disconnect', () => {
      throw new Error('of the app');
    });
    const fail = (...args: unknown[]) => (args.at(-1) as (error: Error) => void)(new Error('EPIPE'));
    Object.assign(connectionOf(socket).transport.socket._socket, { _write: fail, _writev: fail });
    const listeners = process.rawListeners('uncaughtException') as NodeJS.UncaughtExceptionListener[];
    process.removeAllListeners('uncaughtException');
    cleanups.push(() => {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    });
    const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve));
    server.io.emit('e', 1);
    expect(await uncaught).toMatchObject({ message: 'of the app' });
    await until(() => events.length === 1);
  });

  it('appends an offset for clients of Engine.IO 4, and for no others', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { events, socket } = await newClient();
    const client2 = connect2(server.url, { forceNew: true, transports: ['websocket'] });
    cleanups.push(() => client2.close());
    await new Promise((resolve) => client2.on('connect', resolve));
    const events2: unknown[][] = [];
    client2.on('e', (...args: unknown[]) => events2.push(args));
    const adapter = server.io.of('/').adapter as unknown as ConstructorParameters<typeof LocalDelivery>[0];
    const delivery = new LocalDelivery(adapter);
    const deliver = (data: unknown[]) => {
      const packet = { type: 2, data, nsp: '/' };
      delivery.deliver(delivery.encode(packet), { rooms: new Set(), except: new Set() }, packet, 'offset "1"');
    };
    const packets = packetsOf(socket);
    deliver(['e', { a: [] }]);
    await until(() => events.length === 1 && events2.length === 1);
    expect(packets).toEqual([]);
    deliver(['e', Buffer.from([1])]);
    await until(() => events.length === 2 && events2.length === 2);
    expect(events).toEqual([
      ['e', { a: [] }, 'offset "1"'],
      ['e', Buffer.from([1]), 'offset "1"'],
    ]);
    expect(events2).toEqual([[{ a: [] }], [Buffer.from([1])]]);
  });
});

describe.each([
  ['TCP', false],
  ['TLS', true],
])('a client over %s that does not read', (_, isTls) => {
  it('is queued for by Engine.IO once the system takes no more, and gets everything in order when it reads again', async () => {
    const tls = isTls ? await certificates() : undefined;
    server = await startLaneServer({ adapter: 'ours', tls });
    const { client, events, socket } = await connectRawClient(server, cleanups);
    const { transport } = connectionOf(socket);
    client.pause();

    const pad = 'x'.repeat(50_000);
    const stream = transport.socket._socket;
    let sent = 0;
    while (transport.writable) {
      server.io.emit('e', sent++, pad);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // What the operating system did not take counts as a write in progress, and the rest waits where Engine.IO keeps count.
    const held = stream.writableLength;
    server.io.volatile.emit('e', 'dropped');
    socket.volatile.emit('e', 'dropped');
    for (let index = 0; index < 5; index++) server.io.emit('e', sent++, pad);
    socket.emit('e', sent++, pad);
    expect(connectionOf(socket).writeBuffer).toHaveLength(6);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.writableLength).toBeLessThanOrEqual(held);

    client.resume();
    await until(() => events.length === sent);
    expect(events.map((event) => event[1])).toEqual(Array.from({ length: sent }, (_, index) => index));
    await until(() => transport.writable);
    const packets = packetsOf(socket);
    server.io.emit('e', 'fast again');
    await until(() => events.length === sent + 1);
    expect(packets).toEqual([]);
  });
});

describe('the internals that the fast lane relies on', () => {
  async function aConnection(): Promise<Connection> {
    server = await startLaneServer({ adapter: 'ours' });
    return connectionOf((await newClient()).socket);
  }

  /** The same object, but for some members. */
  const but = <Target extends object>(target: Target, members: Record<string, unknown>): Target =>
    new Proxy(target, {
      get: (real, name) => (name in members ? members[name as string] : Reflect.get(real, name, real)),
    });

  it('are found in a websocket of ours', async () => {
    const connection = await aConnection();
    expect(findWebsocketStream(connection)).toBe(connection.transport.socket._socket);
  });

  it.each<[string, (connection: Connection) => object]>([
    ['no write buffer', (connection) => but(connection, { writeBuffer: undefined })],
    ['no protocol', (connection) => but(connection, { protocol: undefined })],
    ['no state', (connection) => but(connection, { readyState: undefined })],
    ['no way to count listeners', (connection) => but(connection, { listenerCount: undefined })],
    ['no server', (connection) => but(connection, { server: undefined })],
    ['another transport', (connection) => withTransport(connection, { name: 'webtransport' })],
    ['no flag of being writable', (connection) => withTransport(connection, { writable: undefined })],
    ['compression switched on', (connection) => withTransport(connection, { perMessageDeflate: { threshold: 0 } })],
    ['no way to fail', (connection) => withTransport(connection, { onError: undefined })],
    ['no websocket', (connection) => withTransport(connection, { socket: undefined })],
    ['another websocket engine', (connection) => withTransport(connection, { socket: { send() {}, close() {} } })],
    ['compression agreed on', (connection) => withWebsocket(connection, { extensions: 'permessage-deflate' })],
    ['no sender', (connection) => withWebsocket(connection, { _sender: undefined })],
    [
      'a sender that frames otherwise',
      (connection) => withWebsocket(connection, { _sender: { _socket: socketOf(connection) } }),
    ],
    ['a sender of another stream', (connection) => withWebsocket(connection, { _socket: new NetSocket() })],
    ['no stream', (connection) => withWebsocket(connection, { _socket: undefined, _sender: { sendFrame() {} } })],
    [
      'a stream that is no socket',
      (connection) => withWebsocket(connection, { _socket: {}, _sender: { sendFrame() {}, _socket: {} } }),
    ],
  ])('are not found with %s', async (_, change) => {
    expect(findWebsocketStream(change(await aConnection()))).toBeUndefined();
  });

  it('are not needed: a packet goes the ordinary way without them', async () => {
    server = await startLaneServer({ adapter: 'ours' });
    const { socket, events } = await newClient();
    const { transport } = connectionOf(socket);
    Object.defineProperty(transport.socket, 'extensions', { value: undefined });
    const packets = packetsOf(socket);
    server.io.emit('e', 1);
    await until(() => events.length === 1);
    expect(packets).toHaveLength(1);
  });

  const socketOf = (connection: Connection) => connection.transport.socket._socket;
  const withTransport = (connection: Connection, members: Record<string, unknown>) =>
    but(connection, { transport: but(connection.transport, members) });
  const withWebsocket = (connection: Connection, members: Record<string, unknown>) =>
    withTransport(connection, { socket: but(connection.transport.socket, members) });
});

describe('a websocket frame', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])('of %d bytes is what ws makes', (length) => {
    const text = 'x'.repeat(length);
    expect(websocketTextFrame(text).equals(frameOfWs(text))).toBe(true);
  });

  it('counts bytes, not characters', () => {
    const text = 'é🚢'.repeat(30);
    expect(websocketTextFrame(text).equals(frameOfWs(text))).toBe(true);
  });

  const frameOfWs = (text: string) => {
    const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } };
    return Buffer.concat(
      Sender.frame(Buffer.from(text), { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true }),
    );
  };
});
