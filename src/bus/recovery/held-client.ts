import type { EncodedPacket } from '../payload';
import type { EngineConnection, PacketFlags, SocketClient, SocketInternals, SocketPacket } from './socket-internals';

/** What waits for a resumed client that does not read is bounded. */
const MAX_WAITING = 20_000;
/** Packets that are no messages: CONNECT, DISCONNECT, CONNECT_ERROR. */
const AT_ONCE = new Set([0, 1, 4]);

/**
 * Stands in for a resumed socket's client until the client has got what it missed: everything that is sent to the socket
 * meanwhile waits, in order.
 */
export class HeldClient implements SocketClient {
  /** Looks like a connection that packets must be queued for, so that nobody writes past this. */
  readonly conn: EngineConnection;
  #waiting: Array<() => void> = [];

  constructor(
    private readonly client: SocketClient,
    private readonly socket: SocketInternals,
  ) {
    this.conn = Object.create(client.conn, { transport: { value: { name: 'held', writable: true } } });
    Object.defineProperty(socket, 'conn', { value: client.conn, configurable: true });
    socket.client = this;
  }

  get request() {
    return this.client.request;
  }

  _packet(packet: SocketPacket, options: PacketFlags): void {
    if (AT_ONCE.has(packet.type)) this.client._packet(packet, options);
    else this.#keep(() => this.client._packet(packet, options), options);
  }

  writeToEngine(encoded: EncodedPacket, options: PacketFlags): void {
    this.#keep(() => this.client.writeToEngine(encoded, options), options);
  }

  /** The socket has its client again, which gets everything that has waited. */
  release(): void {
    this.socket.client = this.client;
    Reflect.deleteProperty(this.socket, 'conn');
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const send of waiting) send();
  }

  _remove(socket: unknown): void {
    this.client._remove(socket);
  }

  _disconnect(): void {
    this.client._disconnect();
  }

  #keep(send: () => void, { volatile }: PacketFlags): void {
    if (volatile) return;
    this.#waiting.push(send);
    if (this.#waiting.length === MAX_WAITING) this.client.conn.close(true);
  }
}
