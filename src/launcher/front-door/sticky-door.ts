import type { Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { setupMaster } from '@socket.io/sticky';
import { LauncherError } from '../errors';
import type { Logger } from '../logger';
import { handleOf } from '../raw-handle';
import type { PublicAddress, SettingsDocument } from '../settings-document';
import type { WorkerProcess } from '../worker-process';
import type { FrontDoor } from './front-door';
import { type ListenOverrides, listen } from './listen';
import { Refusals } from './refuse';
import { RefusedConnections } from './refused-connections';
import { WaitingRoom } from './waiting-room';

/** What a {@link StickyDoor} needs. */
export interface StickyDoorOptions extends ListenOverrides {
  log: Logger;
  /** How long a connection may wait for a worker before it is answered `503`. */
  unavailableAfterMs: number;
  /** How many connections a worker may have. */
  maxConnections: number;
  /** How long a client may say nothing. */
  silenceMs: number;
  readyWorkers(): WorkerProcess[];
}

/** `@socket.io/sticky` keeps its count of clients on Node's worker object, and chooses the lowest. */
interface CountedWorker extends Worker {
  clientsCount?: number;
}

/**
 * Mode `sticky`: `@socket.io/sticky` reads the first bytes of each connection in the primary and passes it to the worker
 * that has the session. It closes every HTTP connection after one answer.
 */
export class StickyDoor implements FrontDoor {
  readonly refused: RefusedConnections;
  #server: Server | undefined;
  readonly #refusals = new Refusals(false);
  readonly #waiting: WaitingRoom<Socket>;
  /** Stands for the listener towards `@socket.io/sticky`: it hears of a connection when there is a worker for it. */
  readonly #admitted = new EventEmitter();

  constructor(private readonly options: StickyDoorOptions) {
    this.refused = new RefusedConnections(options.log);
    this.#waiting = new WaitingRoom<Socket>({
      patienceMs: options.unavailableAfterMs,
      // one that is ready is given every connection at once
      isBusy: () => false,
      onTooLong: (socket) => this.#refuse(socket),
    });
    setupMaster(this.#admitted as unknown as HttpServer, { loadBalancingMethod: 'least-connection' });
  }

  async open(document: SettingsDocument): Promise<PublicAddress> {
    if (document.tls) throw stickyTlsError();
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => socket.destroy());
      const ready = this.options.readyWorkers();
      if (ready.length === 0) this.#waiting.add(socket);
      else if (ready.every(({ load }) => load >= this.options.maxConnections)) this.#refuseAsFull(socket);
      else this.#admit(socket);
    });
    const address = await listen(server, document, this.options);
    server.on('error', (error) => this.options.log.error({ err: error }, 'the public listener reported an error'));
    this.#server = server;
    return address;
  }

  /** A worker whose app is not lifted must not be chosen. */
  watch(worker: WorkerProcess): void {
    (worker.clusterWorker as CountedWorker).clientsCount = Number.POSITIVE_INFINITY;
  }

  workerReady(worker: WorkerProcess): void {
    (worker.clusterWorker as CountedWorker).clientsCount = 0;
    this.#waiting.offer((socket) => {
      this.#admit(socket);
      return true;
    });
  }

  async close(): Promise<void> {
    this.#waiting.clear();
    const server = this.#server;
    this.#server = undefined;
    // not awaited: Node calls back when the connections that workers have are over
    server?.close();
    await this.#refusals.close();
  }

  #admit(socket: Socket): void {
    this.#admitted.emit('connection', socket);
    this.#limitSilence(socket);
    socket.resume();
  }

  /** A worker has the connection when its first bytes have come: until then it is here that nobody may wait for ever. */
  #limitSilence(socket: Socket): void {
    if (this.options.silenceMs === 0) return;
    const timer = setTimeout(() => socket.destroy(), this.options.silenceMs);
    for (const event of ['data', 'close']) socket.once(event, () => clearTimeout(timer));
  }

  #refuse(socket: Socket): void {
    this.refused.count('no-worker');
    const handle = handleOf(socket);
    if (handle) this.#refusals.unavailable(handle);
  }

  #refuseAsFull(socket: Socket): void {
    this.refused.count('full');
    const handle = handleOf(socket);
    if (handle) this.#refusals.full(handle);
  }
}

/** In-app TLS hides the session id from a primary that has no key. */
export function stickyTlsError(): LauncherError {
  return new LauncherError(
    'E_STICKY_TLS',
    'Mode "sticky" cannot read the requests of an app that speaks TLS itself (sails.config.ssl): use --mode route, or end TLS before the launcher.',
  );
}
