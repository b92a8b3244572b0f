import { createServer, type Server } from 'node:net';
import { LauncherError } from '../errors';
import type { Logger } from '../logger';
import { listenerHandleOf, type RawHandle } from '../raw-handle';
import type { PublicAddress, SettingsDocument } from '../settings-document';
import type { Delivery, WorkerProcess } from '../worker-process';
import type { FrontDoor } from './front-door';
import { type ListenOverrides, listen } from './listen';
import { Refusals } from './refuse';
import { WaitingRoom } from './waiting-room';

/** What a {@link RouteDoor} needs. */
export interface RouteDoorOptions extends ListenOverrides {
  log: Logger;
  /** How long a connection may wait for a worker before it is answered `503`. */
  unavailableAfterMs: number;
  workers(): Iterable<WorkerProcess>;
  byTag(tag: string): WorkerProcess | undefined;
}

/**
 * Mode `route`: gives each connection to the ready worker with the fewest, untouched and unread; and passes an upgrade that
 * came to the wrong worker on to the one whose session it is.
 */
export class RouteDoor implements FrontDoor {
  #server: Server | undefined;
  #refusals = new Refusals(false);
  readonly #waiting: WaitingRoom;

  constructor(private readonly options: RouteDoorOptions) {
    this.#waiting = new WaitingRoom(options.unavailableAfterMs, (handle) => this.#refusals.unavailable(handle));
  }

  async open(document: SettingsDocument): Promise<PublicAddress> {
    this.#refusals = new Refusals(document.tls);
    const server = createServer();
    const address = await listen(server, document, this.options);
    const listener = listenerHandleOf(server);
    if (!listener) {
      throw new LauncherError(
        'E_UNSUPPORTED_NODE',
        `Node ${process.version} hides its listener, so connections cannot be passed to workers: use Node 20, 22 or 24.`,
      );
    }
    listener.onconnection = (status, handle) => {
      if (handle) this.#place(handle);
      else this.options.log.warn({ status }, 'a connection could not be accepted: is the limit of open files reached?');
    };
    server.on('error', (error) => this.options.log.error({ err: error }, 'the public listener reported an error'));
    this.#server = server;
    return address;
  }

  watch(worker: WorkerProcess): void {
    worker.on('message', (message, handle) => {
      if (message.flotilla === 'handover' && handle) this.#handOver(handle, message.to, message.head);
    });
    worker.on('taken', () => this.#admit());
    worker.on('undelivered', (delivery) => this.#undelivered(delivery));
  }

  workerReady(): void {
    this.#admit();
  }

  async close(): Promise<void> {
    this.#waiting.clear();
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    this.#refusals.close();
  }

  #place(handle: RawHandle): void {
    const worker = this.#choose();
    if (worker) worker.deliver({ handle });
    else if (this.#server) this.#waiting.add(handle);
    else this.#refusals.unavailable(handle);
  }

  #admit(): void {
    this.#waiting.offer((handle) => {
      const worker = this.#choose();
      worker?.deliver({ handle });
      return worker !== undefined;
    });
  }

  /** The one with the fewest connections; of several, the one that was given the fewest so far. */
  #choose(): WorkerProcess | undefined {
    let best: WorkerProcess | undefined;
    for (const worker of this.options.workers()) {
      if (!worker.hasRoom) continue;
      if (!best || worker.load < best.load || (worker.load === best.load && worker.given < best.given)) best = worker;
    }
    return best;
  }

  #handOver(handle: RawHandle, to: string, head: Uint8Array): void {
    const owner = this.options.byTag(to);
    if (owner?.isReachable) owner.deliver({ handle, head });
    else this.#refusals.unknownSession(handle);
  }

  #undelivered({ handle, head, answer }: Delivery): void {
    // the door for other pods sees to these
    if (answer) return;
    if (head) this.#refusals.unknownSession(handle);
    else this.#place(handle);
  }
}
