import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Room, SocketId } from 'socket.io-adapter';
import { Decoder, type Packet } from 'socket.io-parser';
import type { EncodedPacket } from '../payload';
import type { PlainPacket } from '../protocol';
import type { EngineConnection } from './fast-lane/engine-internals';
import { FastLane } from './fast-lane/fast-lane';
import { PreparedPacket, type WriteOptions } from './fast-lane/prepared-packet';

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

  constructor(private readonly adapter: AdapterState) {
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
    const { nsp, rooms, sids } = this.adapter;
    const excluded = new Set<SocketId>();
    for (const room of opts.except ?? []) for (const id of rooms.get(room) ?? []) excluded.add(id);
    const visit = (id: SocketId) => {
      if (excluded.has(id)) return;
      const socket = nsp.sockets.get(id);
      if (socket) callback(socket);
    };
    if (opts.rooms.size === 0) {
      for (const id of sids.keys()) visit(id);
    } else if (opts.rooms.size === 1) {
      for (const room of opts.rooms) for (const id of rooms.get(room) ?? []) visit(id);
    } else {
      const visited = new Set<SocketId>();
      for (const room of opts.rooms) {
        for (const id of rooms.get(room) ?? []) {
          if (visited.has(id)) continue;
          visited.add(id);
          visit(id);
        }
      }
    }
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
