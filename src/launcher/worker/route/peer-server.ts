import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, maxHeaderSize, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { giveConnection, type RawHandle } from '../../raw-handle';
import { type Peer, showPeerOnRequest, showPeerOnSocket, takePeer } from './peer-header';
import { whenQuiet } from './quiet-socket';

/** Gives an event to the listeners that the app's server has, past whatever looks at public requests first. */
export type EmitToApp = (event: 'request' | 'upgrade', ...args: unknown[]) => boolean;

/** Room for our own header beside the client's. */
const OWN_HEADERS_SIZE = 1_024;

/**
 * Takes the requests that other workers pass on, those of this pod on a local socket and those of other pods on connections
 * that the primary hands over, and gives them to the app's server as if their clients had sent them here. They are never
 * passed on again.
 */
export class PeerServer {
  readonly #server: Server;
  readonly #tunnels = new Set<Socket>();
  /** What is written first on a connection of another pod, while its socket is made. */
  #answer: Uint8Array | undefined;

  /** @param onTunnel hears of each connection that becomes one client's own */
  constructor(
    private readonly app: Server,
    private readonly onTunnel: (socket: Socket) => void,
    private readonly emitToApp: EmitToApp,
  ) {
    const limit = (app as { maxHeaderSize?: number }).maxHeaderSize || maxHeaderSize;
    this.#server = createServer({
      maxHeaderSize: limit + OWN_HEADERS_SIZE,
      // every limit on time is kept by the server that has the client's connection
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    });
    this.#server.timeout = 0;
    this.#server.on('connection', (socket: Socket) => {
      if (this.#answer) socket.write(this.#answer);
    });
    this.#server.on('request', (request, response) => this.#request(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
  }

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ path, exclusive: true }, () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
    if (process.platform !== 'win32') chmodSync(path, 0o600);
    this.#server.unref();
  }

  /** Takes a connection of another pod. */
  take(handle: RawHandle, answer: Uint8Array): void {
    this.#answer = answer;
    giveConnection(this.#server, handle);
    this.#answer = undefined;
  }

  /** Takes no more, and settles when those under way are done. */
  async close(): Promise<void> {
    for (const socket of this.#tunnels) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const peer = takePeer(request);
    if (!peer) {
      response.writeHead(400).end();
      return;
    }
    showPeerOnRequest(request, peer);
    this.emitToApp('request', request, response);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const peer: Peer | undefined = takePeer(request);
    if (!peer || this.app.listenerCount('upgrade') === 0) {
      socket.destroy();
      return;
    }
    showPeerOnSocket(socket, peer);
    this.#tunnels.add(socket);
    socket.once('close', () => this.#tunnels.delete(socket));
    this.onTunnel(socket);
    whenQuiet(socket, () => this.emitToApp('upgrade', request, socket, head));
  }
}
