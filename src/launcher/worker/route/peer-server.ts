import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, maxHeaderSize, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Peer, showPeerOnRequest, showPeerOnSocket, takePeer } from './peer-header';

/** Room for our own header beside the client's. */
const OWN_HEADERS_SIZE = 1_024;

/**
 * Takes, on a local socket, the requests that other workers pass on, and gives them to the app's server as if their clients
 * had sent them here.
 */
export class PeerServer {
  readonly #server: Server;
  readonly #tunnels = new Set<Socket>();

  /** @param onTunnel hears of each connection that becomes one client's own */
  constructor(
    private readonly app: Server,
    private readonly onTunnel: (socket: Socket) => void,
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
    this.app.emit('request', request, response);
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
    this.app.emit('upgrade', request, socket, head);
  }
}
