import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, maxHeaderSize, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { codeOf } from '../../errors';
import type { PeerTls } from '../../peer/peer-tls';
import { giveConnection, type RawHandle, socketOver } from '../../raw-handle';
import { type Peer, showPeerOnRequest, showPeerOnSocket, takePeer } from './peer-header';
import { whenQuiet } from './quiet-socket';

/** Gives an event to the listeners that the app's server has, past whatever looks at public requests first. */
export type EmitToApp = (event: 'request' | 'upgrade', ...args: unknown[]) => boolean;

/** Room for our own header beside the client's. */
const OWN_HEADERS_SIZE = 1_024;
/** As patient as the other side: this worker may be slow itself. */
const TLS_GREETING_MS = 20_000;
/** What is said first on a connection over TLS: so the other side knows that its certificate was accepted. */
const ACCEPTED = 'A';

/** What is said to another pod first: that the worker has taken its connection, or that it takes no more. */
export interface PeerAnswers {
  answer: Uint8Array;
  goneAnswer: Uint8Array;
}

/** What a {@link PeerServer} needs. */
export interface PeerServerOptions {
  /** The app's server. */
  app: Server;
  /** With what TLS is spoken with other pods; `undefined`: it is not. */
  tls: PeerTls | undefined;
  /** Hears of each connection that becomes one client's own. */
  onTunnel(socket: Socket): void;
  emitToApp: EmitToApp;
  /** Hears of each pod whose certificate was not accepted, or that did not accept ours. */
  onTlsRefused(): void;
}

/**
 * Takes the requests that other workers pass on, those of this pod on a local socket and those of other pods on connections
 * that the primary hands over, and gives them to the app's server as if their clients had sent them here. They are never
 * passed on again.
 */
export class PeerServer {
  /** For workers of this pod, on a local socket. */
  readonly #local: Server;
  /** For other pods; the same where TLS is not spoken. */
  readonly #remote: Server;
  readonly #tunnels = new Set<Socket>();
  /** What is written first on a connection of another pod, while its socket is made. */
  #answer: Uint8Array | undefined;

  constructor(private readonly options: PeerServerOptions) {
    const limit = (options.app as { maxHeaderSize?: number }).maxHeaderSize || maxHeaderSize;
    const settings = {
      maxHeaderSize: limit + OWN_HEADERS_SIZE,
      // every limit on time is kept by the server that has the client's connection
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    };
    this.#local = this.#serve(createServer(settings));
    this.#remote = options.tls ? this.#serve(this.#createTlsServer(settings, options.tls)) : this.#local;
    this.#remote.prependListener('connection', (socket: Socket) => {
      if (this.#answer) socket.write(this.#answer);
    });
  }

  async listen(path: string): Promise<void> {
    await listen(this.#local, path);
    if (process.platform !== 'win32') chmodSync(path, 0o600);
    if (this.#remote === this.#local) return;
    // it only listens so that connections can be given to it
    const unusedPath = `${path}-tls`;
    await listen(this.#remote, unusedPath);
    if (process.platform !== 'win32') rmSync(unusedPath, { force: true });
  }

  /** Takes a connection of another pod. */
  take(handle: RawHandle, { answer, goneAnswer }: PeerAnswers): void {
    if (!this.#remote.listening) {
      // a pod that hears nothing would believe that the session may live
      const socket = socketOver(handle);
      socket.on('error', () => {});
      socket.end(goneAnswer, () => socket.destroy());
      return;
    }
    this.#answer = answer;
    giveConnection(this.#remote, handle);
    this.#answer = undefined;
  }

  /** Takes no more, and settles when those under way are done. */
  async close(): Promise<void> {
    for (const socket of this.#tunnels) socket.destroy();
    const servers = new Set([this.#local, this.#remote]);
    await Promise.all([...servers].map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
  }

  #createTlsServer(settings: object, tls: PeerTls): Server {
    const server = createTlsServer({
      ...settings,
      ...tls,
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: TLS_GREETING_MS,
      allowHalfOpen: true,
    });
    server.prependListener('secureConnection', (socket: TLSSocket) => socket.write(ACCEPTED));
    server.on('tlsClientError', (error, socket) => {
      // a pod that is killed meanwhile has not refused anything
      if (codeOf(error) !== 'ECONNRESET' || socket.authorizationError) this.options.onTlsRefused();
    });
    return server;
  }

  #serve(server: Server): Server {
    server.timeout = 0;
    server.on('request', (request, response) => this.#request(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket as Socket, head));
    return server;
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const peer = takePeer(request);
    if (!peer) {
      response.writeHead(400).end();
      return;
    }
    showPeerOnRequest(request, peer);
    this.options.emitToApp('request', request, response);
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const peer: Peer | undefined = takePeer(request);
    if (!peer || this.options.app.listenerCount('upgrade') === 0) {
      socket.destroy();
      return;
    }
    showPeerOnSocket(socket, peer);
    this.#tunnels.add(socket);
    socket.once('close', () => this.#tunnels.delete(socket));
    this.options.onTunnel(socket);
    whenQuiet(socket, () => this.options.emitToApp('upgrade', request, socket, head));
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path, exclusive: true }, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  server.unref();
}
