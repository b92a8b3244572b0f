import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { LauncherError } from '../errors';
import type { Introduction } from '../messages';
import { giveConnection, listenerHandleOf, type RawHandle, showClient } from '../raw-handle';
import type { PrimaryLink } from './primary-link';
import type { PeerAnswers } from './route/peer-server';

/** Milliseconds between two reports of ended connections. */
const REPORT_EVERY_MS = 100;

/**
 * Gives the app's server the connections that the primary passes on, the way Node's cluster module does: the server makes
 * its sockets itself, so its settings, its count and `close()` hold for them. Reports to the primary what it took.
 */
export class ConnectionIntake {
  #connections = 0;
  #taken = 0;
  #reportPending = false;
  #timer: NodeJS.Timeout | undefined;
  /** What is known of a connection, while its socket is made. */
  #arriving: Introduction = {};
  /** What connections that ended since the last report were counted as. */
  #ended: string[] = [];

  constructor(
    private readonly server: Server,
    private readonly link: PrimaryLink,
    private readonly countSessions: () => number,
    private readonly takePeer: (handle: RawHandle, answers: PeerAnswers) => void,
  ) {
    server.on('connection', (socket: Socket) => this.#connected(socket));
    link.listen((message, handle) => {
      if (message.flotilla !== 'connection' && message.flotilla !== 'peer') return;
      this.#taken = message.seq;
      this.#reportSoon();
      if (!handle) return;
      if (message.flotilla === 'peer') this.takePeer(handle, message);
      else this.#take(handle, message);
    });
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections;
  }

  /** Counts a connection that came another way. */
  count(socket: Socket): void {
    this.#connections++;
    socket.on('close', this.#uncount);
  }

  /** One listener for all connections: it stays for as long as they do. */
  readonly #uncount = (): void => {
    this.#connections--;
    this.#timer ??= setTimeout(() => this.#report(), REPORT_EVERY_MS).unref();
  };

  #take(handle: RawHandle, introduction: Introduction): void {
    if (introduction.client) showClient(handle, introduction.client);
    this.#arriving = introduction;
    giveConnection(this.server, handle);
    this.#arriving = {};
  }

  #connected(socket: Socket): void {
    this.count(socket);
    this.#reportSoon();
    const { head, countedAs } = this.#arriving;
    if (countedAs !== undefined) socket.once('close', () => this.#ended.push(countedAs));
    // the server's parser (or its TLS) has the socket by now, and gets these bytes before it reads any
    if (head && head.length > 0) socket.unshift(Buffer.from(head));
  }

  /** At the end of this turn: before any of the new connections is read. */
  #reportSoon(): void {
    if (this.#reportPending) return;
    this.#reportPending = true;
    process.nextTick(() => {
      this.#reportPending = false;
      this.#report();
    });
  }

  #report(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const connections = Math.max(this.#connections, this.countSessions());
    const ended = this.#ended.splice(0);
    void this.link.send({
      flotilla: 'load',
      taken: this.#taken,
      connections,
      ...(ended.length > 0 ? { ended } : {}),
    });
  }
}

/**
 * Makes sure, once the server listens, that connections can be given to it.
 * @throws LauncherError `E_UNSUPPORTED_NODE`
 */
export function assertCanTakeConnections(server: Server): void {
  if (listenerHandleOf(server)) return;
  throw new LauncherError(
    'E_UNSUPPORTED_NODE',
    `Node ${process.version} hides its listener, so connections cannot be passed to this worker: use Node 20, 22 or 24.`,
  );
}
