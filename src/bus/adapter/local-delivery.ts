import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Room, SocketId } from 'socket.io-adapter';
import { Decoder, type Packet } from 'socket.io-parser';
import type { EncodedPacket } from '../payload';
import type { PlainPacket } from '../protocol';
import type { EngineConnection } from './fast-lane/engine-internals';
import { FastLane } from './fast-lane/fast-lane';
import { PreparedPacket, type WriteOptions } from './fast-lane/prepared-packet';
import type { RoomSockets } from './room-sockets';

/** The part of an adapter that local delivery needs. */
interface AdapterState {
  readonly nsp: Namespace;
  readonly rooms: Map<Room, Set<SocketId>>;
  readonly sids: Map<SocketId, Set<Room>>;
}

/** What of a socket's internals delivery relies on; the in-memory adapter relies on the same. */
interface DeliverableSocket {
  client: {
    conn: EngineConnection;
    writeToEngine(encoded: EncodedPacket, options: WriteOptions): void;
  };
  notifyOutgoingListeners?(packet: { data: unknown[] }): void;
  _anyOutgoingListeners?: unknown[];
}

/** Writes packets to the sockets of this worker. */
export class LocalDelivery {
  readonly #lane: FastLane;

  /** @param lists the sockets of large rooms; without, all are looked up */
  constructor(
    private readonly adapter: AdapterState,
    private readonly lists?: RoomSockets,
  ) {
    this.#lane = FastLane.of(adapter.nsp.server);
  }

  /** Encodes a packet with the server's own encoder. */
  encode(packet: PlainPacket): EncodedPacket {
    const { encoder } = this.adapter.nsp.server as unknown as { encoder: { encode(packet: unknown): EncodedPacket } };
    return encoder.encode(packet);
  }

  /**
   * Writes an encoded packet to every matching socket.
   * @param packet the packet itself where it is at hand; listeners to outgoing packets want to see it
   * @param offset where the packet stands in the order that clients resume from; clients of Engine.IO 4 get it
   */
  deliver(encoded: EncodedPacket, opts: BroadcastOptions, packet?: PlainPacket, offset?: string): void {
    const lane = this.#lane;
    const prepared = new PreparedPacket(encoded, opts.flags, offset);
    let decoded: { data: unknown[] } | undefined = packet;
    lane.begin();
    this.forEach(opts, (socket) => {
      const { client, notifyOutgoingListeners, _anyOutgoingListeners } = socket as unknown as DeliverableSocket;
      if (_anyOutgoingListeners && _anyOutgoingListeners.length > 0) {
        decoded ??= decode(encoded);
        notifyOutgoingListeners?.call(socket, decoded);
      }
      const { conn } = client;
      const form = prepared.formFor(conn.protocol);
      if (prepared.isVolatile && !conn.transport.writable) return;
      if (form.frame && lane.write(conn, form.frame)) return;
      client.writeToEngine(form.encoded, form.options);
    });
  }

  /** Calls back for each matching local socket, once. */
  forEach(opts: BroadcastOptions, callback: (socket: Socket) => void): void {
    const { nsp, rooms } = this.adapter;
    const done = new Set<SocketId>();
    for (const room of opts.except ?? []) for (const id of rooms.get(room) ?? []) done.add(id);
    if (opts.rooms.size < 2 && done.size === 0 && this.#forEachListed([...opts.rooms][0], callback, done)) return;
    const isOnce = opts.rooms.size < 2;
    const visit = (id: SocketId) => {
      if (done.has(id)) return;
      const socket = nsp.sockets.get(id);
      if (!isOnce) done.add(id);
      if (socket) callback(socket);
    };
    if (opts.rooms.size === 0) for (const id of this.adapter.sids.keys()) visit(id);
    for (const room of opts.rooms) for (const id of rooms.get(room) ?? []) visit(id);
  }

  /**
   * The same for one room, or for everybody, by the list of its sockets. Says whether that was all of them: sockets may come
   * and go meanwhile, since listeners to outgoing packets are called.
   * @param done gets those that were called back for, where others are left
   */
  #forEachListed(room: Room | undefined, callback: (socket: Socket) => void, done: Set<SocketId>): boolean {
    const { lists } = this;
    const sockets = lists?.of(room);
    if (!lists || !sockets) return false;
    const { version } = lists;
    for (let index = 0; index < sockets.length; index++) {
      callback(sockets[index] as Socket);
      if (lists.version === version) continue;
      for (const { id } of sockets.slice(0, index + 1)) done.add(id);
      return false;
    }
    return true;
  }
}

function decode(encoded: EncodedPacket): { data: unknown[] } {
  const decoder = new Decoder();
  let result: { data: unknown[] } = { data: [] };
  decoder.on('decoded', (packet: Packet) => {
    result = packet as { data: unknown[] };
  });
  for (const part of encoded) decoder.add(part);
  return result;
}
