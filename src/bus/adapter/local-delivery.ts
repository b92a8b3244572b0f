import type { Namespace, Socket } from 'socket.io';
import type { BroadcastOptions, Room, SocketId } from 'socket.io-adapter';
import { Decoder, type Packet } from 'socket.io-parser';
import * as ws from 'ws';
import type { EncodedPacket } from '../payload';
import type { PlainPacket } from '../protocol';

/** The part of an adapter that local delivery needs. */
interface AdapterState {
  readonly nsp: Namespace;
  readonly rooms: Map<Room, Set<SocketId>>;
  readonly sids: Map<SocketId, Set<Room>>;
}

/** Options of Engine.IO's `write` for a packet that goes to many. */
interface WriteOptions {
  preEncoded: true;
  volatile: boolean | undefined;
  compress: boolean | undefined;
  wsPreEncodedFrame?: Buffer[];
}

/** What of a socket's internals delivery relies on; the in-memory adapter relies on the same. */
interface DeliverableSocket {
  client: { writeToEngine(encoded: EncodedPacket, options: WriteOptions): void };
  notifyOutgoingListeners?(packet: { data: unknown[] }): void;
  _anyOutgoingListeners?: unknown[];
}

/** Writes packets to the sockets of this worker. */
export class LocalDelivery {
  constructor(private readonly adapter: AdapterState) {}

  /** Encodes a packet with the server's own encoder. */
  encode(packet: PlainPacket): EncodedPacket {
    const { encoder } = this.adapter.nsp.server as unknown as { encoder: { encode(packet: unknown): EncodedPacket } };
    return encoder.encode(packet);
  }

  /**
   * Writes an encoded packet to every matching socket.
   * @param packet the packet itself where it is at hand; listeners to outgoing packets want to see it
   */
  deliver(encoded: EncodedPacket, opts: BroadcastOptions, packet?: PlainPacket): void {
    const options: WriteOptions = {
      preEncoded: true,
      volatile: opts.flags?.volatile,
      compress: opts.flags?.compress,
    };
    let decoded: { data: unknown[] } | undefined = packet;
    let prepared = false;
    this.forEach(opts, (socket) => {
      const { client, notifyOutgoingListeners, _anyOutgoingListeners } = socket as unknown as DeliverableSocket;
      if (!prepared) {
        prepared = true;
        preComputeFrame(encoded, options);
      }
      if (_anyOutgoingListeners && _anyOutgoingListeners.length > 0) {
        decoded ??= decode(encoded);
        notifyOutgoingListeners?.call(socket, decoded);
      }
      client.writeToEngine(encoded, options);
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

/** A websocket frame that is the same for every recipient is built once, as Socket.IO's in-memory adapter does. */
function preComputeFrame(encoded: EncodedPacket, options: WriteOptions): void {
  const [text] = encoded;
  if (encoded.length !== 1 || typeof text !== 'string') return;
  // "4" is the type "message" of Engine.IO's protocol.
  const data = Buffer.from(`4${text}`);
  const frame = { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true };
  const { Sender } = ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } };
  options.wsPreEncodedFrame = Sender.frame(data, frame);
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
