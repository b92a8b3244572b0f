import type { Socket } from 'node:net';
import { type ClientAddress, detachHandle, type RawHandle, socketOver } from '../raw-handle';
import { readProxyHeader } from './proxy-header';

/** The protocol's document asks for three seconds at least. */
const PATIENCE_MS = 5_000;
/** Connections whose header has not come yet. */
const MOST_READING = 2_000;

/** A connection of a proxy, behind its header. */
export interface ProxiedConnection {
  handle: RawHandle;
  /** The client that the proxy speaks for; `undefined` for a connection of the proxy's own. */
  client: ClientAddress | undefined;
  /** What was read beyond the header. */
  head: Buffer;
}

/** Reads the PROXY protocol header of connections, and nothing beyond what comes in one piece with it. */
export class ProxiedConnections {
  readonly #reading = new Set<Socket>();

  /**
   * @param onRead takes a connection whose header was read
   * @param onRefused hears of one that was closed since it has none; not of one that ended before it said anything
   */
  constructor(
    private readonly onRead: (connection: ProxiedConnection) => void,
    private readonly onRefused: (from: string) => void,
  ) {}

  /** @param from the proxy's address */
  read(handle: RawHandle, from: string): void {
    if (this.#reading.size >= MOST_READING) {
      handle.close();
      this.onRefused(from);
      return;
    }
    const socket = socketOver(handle);
    this.#reading.add(socket);
    const timer = setTimeout(() => refuse(), PATIENCE_MS);
    let received: Buffer = Buffer.alloc(0);
    const letGo = () => {
      clearTimeout(timer);
      this.#reading.delete(socket);
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
    };
    const refuse = () => {
      letGo();
      socket.destroy();
      this.onRefused(from);
    };
    socket.on('error', () => {});
    socket.on('close', letGo);
    // balancers look whether a port is open, and leave without a word
    socket.on('end', () => (received.length > 0 ? refuse() : socket.destroy()));
    socket.on('data', (chunk: Buffer) => {
      received = received.length > 0 ? Buffer.concat([received, chunk]) : chunk;
      const header = readProxyHeader(received);
      if (header === 'incomplete') return;
      if (header === 'malformed') {
        refuse();
        return;
      }
      letGo();
      // at once: nothing more may be read here
      if (!detachHandle(socket)) return;
      this.onRead({ handle, client: header.client, head: received.subarray(header.length) });
    });
    socket.resume();
  }

  close(): void {
    for (const socket of this.#reading) socket.destroy();
  }
}
