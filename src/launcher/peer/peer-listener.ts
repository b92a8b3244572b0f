import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { codeOf, LauncherError, messageOf } from '../errors';
import type { Logger } from '../logger';
import { detachHandle, type RawHandle } from '../raw-handle';
import { type BelievedRequest, ListenerHandshake, REFUSAL, REQUEST_BYTES } from './handshake';
import type { PeerKey } from './peer-keys';
import type { PeerSettings } from './peer-settings';

/** How long the other side may take to say what it wants. */
const GREETING_TIMEOUT_MS = 20_000;
/** How long a stop waits for those that have said nothing yet. */
const LAST_GREETINGS_MS = 500;
/** Connections that have not proved yet that they come from a pod of this fleet. */
const MOST_GREETING = 512;
/** Strangers are counted; at most so often one is logged. */
const LOG_EVERY_MS = 60_000;

/** What a {@link PeerListener} needs. */
export interface PeerListenerOptions {
  log: Logger;
  settings: PeerSettings;
  keys: readonly PeerKey[];
  podTag: string;
  /** Whether workers speak TLS on what they are given. */
  speaksTls: boolean;
  /**
   * The way to a worker of this pod, which first writes `accepted` on the connection; where it is gone before, `gone` is to
   * be written. `undefined` where there is no such worker.
   */
  wayTo(workerTag: string): ((handle: RawHandle, accepted: Buffer, gone: Buffer) => void) | undefined;
}

/** What a {@link PeerListener} has done. */
export interface PeerListenerCounts {
  /** Connections that were given to a worker. */
  accepted: number;
  /** Connections for a worker or a pod that is no more. */
  gone: number;
  /** Connections that did not prove that they come from a pod of this fleet. */
  refused: number;
}

/**
 * Takes connections of other pods in the primary, believes those that prove to have the fleet's key, and gives each to the
 * worker it is for. Nothing of what is said on it afterwards passes through the primary.
 */
export class PeerListener {
  readonly counts: PeerListenerCounts = { accepted: 0, gone: 0, refused: 0 };
  readonly #greeting = new Set<Socket>();
  #server: Server | undefined;
  #lastLogged = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: PeerListenerOptions) {}

  /**
   * @returns the port
   * @throws LauncherError `E_PORT_BUSY`, `E_LISTEN`
   */
  async listen(): Promise<number> {
    const { host, port } = this.options.settings;
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.#greet(socket));
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host, port, exclusive: true }, () => {
          server.removeListener('error', reject);
          resolve();
        });
      });
    } catch (error) {
      throw listenError(error, this.options.settings);
    }
    server.on('error', (error) =>
      this.options.log.error({ err: error }, 'the listener for other pods reported an error'),
    );
    this.#server = server;
    return (server.address() as AddressInfo).port;
  }

  /** Takes no more, and settles when those that are greeted have their answer, or after a moment. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    const timer = setTimeout(() => {
      for (const socket of this.#greeting) socket.destroy();
    }, LAST_GREETINGS_MS);
    await closed;
    clearTimeout(timer);
  }

  #greet(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#greeting.size >= MOST_GREETING) {
      this.#refuse(socket);
      return;
    }
    this.#greeting.add(socket);
    const timer = setTimeout(() => this.#refuse(socket), GREETING_TIMEOUT_MS);
    const handshake = new ListenerHandshake(this.options.keys, this.options.speaksTls);
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < REQUEST_BYTES) return;
      socket.removeListener('data', onData);
      clearTimeout(timer);
      const request = handshake.believe(received);
      if (request) this.#answer(socket, request);
      else this.#refuse(socket, REFUSAL);
    };
    socket.on('data', onData);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#greeting.delete(socket);
    });
    socket.write(handshake.challenge);
  }

  #answer(socket: Socket, { owner, answer }: BelievedRequest): void {
    const way = owner.pod === this.options.podTag ? this.options.wayTo(owner.worker) : undefined;
    if (!way) {
      this.counts.gone++;
      socket.end(answer('gone'), () => socket.destroy());
      return;
    }
    // the other side is silent until the worker answers it, so nothing was read that would be lost here
    const handle = detachHandle(socket);
    if (!handle) return;
    this.counts.accepted++;
    way(handle, answer('accepted'), answer('gone'));
  }

  #refuse(socket: Socket, answer?: Buffer): void {
    this.counts.refused++;
    const from = socket.remoteAddress;
    if (answer) socket.end(answer, () => socket.destroy());
    else socket.destroy();
    const now = performance.now();
    if (now - this.#lastLogged < LOG_EVERY_MS) return;
    this.#lastLogged = now;
    this.options.log.warn(
      { from, refused: this.counts.refused },
      'refused a connection on the port for other pods: it does not prove the secret of this fleet. Is FLOTILLA_PEER_SECRET (or sails.config.session.secret) the same in every pod?',
    );
  }
}

function listenError(error: unknown, { host, port }: PeerSettings): LauncherError {
  if (codeOf(error) === 'EADDRINUSE') {
    return new LauncherError(
      'E_PORT_BUSY',
      `${host}:${port}, where other pods would reach this one, is taken by another process: end it, or choose another port with --peer-port.`,
      { cause: error },
    );
  }
  return new LauncherError(
    'E_LISTEN',
    `Cannot listen on ${host}:${port} for other pods: ${messageOf(error)}. Check FLOTILLA_POD_IP, --peer-host and --peer-port.`,
    { cause: error },
  );
}
