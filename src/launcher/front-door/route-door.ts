import { createServer, type Server } from 'node:net';
import { LauncherError } from '../errors';
import type { Logger } from '../logger';
import type { Introduction } from '../messages';
import { type ClientAddress, listenerHandleOf, peerOfHandle, type RawHandle } from '../raw-handle';
import type { PublicAddress, SettingsDocument } from '../settings-document';
import type { Delivery, WorkerProcess } from '../worker-process';
import { addressKey } from './address-key';
import { ConnectionsByAddress } from './connections-by-address';
import type { FrontDoor } from './front-door';
import { type ListenOverrides, listen } from './listen';
import { ProxiedConnections } from './proxied-connections';
import { Refusals } from './refuse';
import { RefusedConnections } from './refused-connections';
import type { FrontDoorSettings } from './settings';
import { WaitingRoom } from './waiting-room';

/** What a {@link RouteDoor} needs. */
export interface RouteDoorOptions extends ListenOverrides {
  log: Logger;
  /** How long a connection may wait for a worker before it is answered `503`. */
  unavailableAfterMs: number;
  settings: FrontDoorSettings;
  workers(): Iterable<WorkerProcess>;
  byTag(tag: string): WorkerProcess | undefined;
}

/** A connection that has no worker yet. */
interface Arrival extends Introduction {
  handle: RawHandle;
}

/**
 * Mode `route`: gives each connection to the ready worker with the fewest, untouched and (but for the header of the PROXY
 * protocol) unread; and passes an upgrade that came to the wrong worker on to the one whose session it is.
 */
export class RouteDoor implements FrontDoor {
  readonly refused: RefusedConnections;
  #server: Server | undefined;
  #refusals = new Refusals(false);
  readonly #waiting: WaitingRoom<Arrival>;
  readonly #proxied: ProxiedConnections;
  readonly #byAddress = new ConnectionsByAddress();

  constructor(private readonly options: RouteDoorOptions) {
    this.refused = new RefusedConnections(options.log);
    this.#waiting = new WaitingRoom<Arrival>({
      patienceMs: options.unavailableAfterMs,
      isBusy: () => this.#readyWorkers.length > 0,
      onTooLong: (arrival) => this.#turnAway(arrival),
    });
    this.#proxied = new ProxiedConnections(
      (connection) => this.#arrive(connection),
      (from) => this.refused.count('proxy-header', from),
    );
  }

  async open(document: SettingsDocument): Promise<PublicAddress> {
    this.#refusals = new Refusals(document.tls);
    this.#warnOfProxies(document);
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
      if (handle) this.#accept(handle);
      else this.options.log.warn({ status }, 'a connection could not be accepted: is the limit of open files reached?');
    };
    server.on('error', (error) => this.options.log.error({ err: error }, 'the public listener reported an error'));
    this.#server = server;
    return address;
  }

  watch(worker: WorkerProcess): void {
    worker.on('message', (message, handle) => {
      if (message.flotilla === 'handover' && handle) this.#handOver(handle, message);
    });
    worker.on('taken', () => this.#admit());
    worker.on('ended', (keys) => {
      for (const key of keys) this.#byAddress.remove(worker, key);
    });
    worker.on('exit', () => this.#byAddress.workerGone(worker));
    worker.on('undelivered', (delivery) => this.#undelivered(worker, delivery));
  }

  workerReady(): void {
    this.#admit();
  }

  async close(patienceMs: number): Promise<void> {
    const server = this.#server;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
    await this.#waiting.close(patienceMs);
    // who comes from now on, from a worker that ends, finds nobody to wait for
    this.#server = undefined;
    this.#proxied.close();
    await this.#refusals.close();
  }

  #accept(handle: RawHandle): void {
    const { proxies } = this.options.settings;
    const peer = proxies && peerOfHandle(handle);
    if (peer && proxies.includes(peer.address)) this.#proxied.read(handle, peer.address);
    else this.#arrive({ handle });
  }

  /** The only limit that is looked at once per connection; how full the workers are is looked at when it is given away. */
  #arrive(arrival: Arrival): void {
    const countedAs = this.#keyOf(arrival);
    if (countedAs !== undefined && this.#byAddress.of(countedAs) >= this.options.settings.maxConnectionsPerAddress) {
      this.refused.count('address', countedAs);
      this.#refusals.tooMany(arrival.handle, hasHead(arrival));
    } else this.#place({ ...arrival, countedAs });
  }

  #place(arrival: Arrival): void {
    const worker = this.#choose();
    if (worker) this.#give(worker, arrival);
    else if (!this.#server) this.#turnAway(arrival);
    else if (this.#isFull) {
      this.refused.count('full');
      this.#refusals.full(arrival.handle, hasHead(arrival));
    } else this.#waiting.add(arrival);
  }

  #give(worker: WorkerProcess, delivery: Delivery): void {
    if (delivery.countedAs !== undefined) this.#byAddress.add(worker, delivery.countedAs);
    worker.deliver(delivery);
  }

  #admit(): void {
    this.#waiting.offer((arrival) => {
      const worker = this.#choose();
      if (worker) this.#give(worker, arrival);
      return worker !== undefined;
    });
  }

  #turnAway(arrival: Arrival): void {
    this.refused.count('no-worker');
    this.#refusals.unavailable(arrival.handle, hasHead(arrival));
  }

  /** The one with the fewest connections; of several, the one that was given the fewest so far. */
  #choose(): WorkerProcess | undefined {
    let best: WorkerProcess | undefined;
    for (const worker of this.options.workers()) {
      if (!worker.hasRoom || worker.load >= this.options.settings.maxConnections) continue;
      if (!best || worker.load < best.load || (worker.load === best.load && worker.given < best.given)) best = worker;
    }
    return best;
  }

  /** Whether it would help nobody to wait: there are workers, and each has as many connections as it may. */
  get #isFull(): boolean {
    const ready = this.#readyWorkers;
    return ready.length > 0 && ready.every(({ load }) => load >= this.options.settings.maxConnections);
  }

  get #readyWorkers(): WorkerProcess[] {
    return [...this.options.workers()].filter(({ state, isStuck }) => state === 'ready' && !isStuck);
  }

  #handOver(
    handle: RawHandle,
    { to, head, client }: { to: string | undefined; head: Uint8Array; client?: ClientAddress | undefined },
  ) {
    if (to === undefined) {
      this.#place({ handle, head, client, countedAs: this.#keyOf({ handle, client }) });
      return;
    }
    const owner = this.options.byTag(to);
    if (!owner?.isReachable) {
      this.#refusals.sessionOver(handle, head);
      return;
    }
    this.#give(owner, { handle, head, client, isOwned: true, countedAs: this.#keyOf({ handle, client }) });
  }

  #undelivered(worker: WorkerProcess, { answer, isOwned, ...arrival }: Delivery): void {
    // the door for other pods sees to these
    if (answer) return;
    if (arrival.countedAs !== undefined) this.#byAddress.remove(worker, arrival.countedAs);
    if (isOwned) this.#refusals.sessionOver(arrival.handle, arrival.head ?? new Uint8Array());
    else this.#place(arrival);
  }

  /** What a connection counts as; `undefined` where addresses are not counted, or it has none. */
  #keyOf({ handle, client }: Arrival): string | undefined {
    if (this.options.settings.maxConnectionsPerAddress === Number.POSITIVE_INFINITY) return undefined;
    const address = (client ?? peerOfHandle(handle))?.address;
    return address === undefined ? undefined : addressKey(address);
  }

  /** An app that trusts a proxy has one, and then all connections come from its address. */
  #warnOfProxies({ trustProxy }: SettingsDocument): void {
    const { maxConnectionsPerAddress, proxies } = this.options.settings;
    if (maxConnectionsPerAddress === Number.POSITIVE_INFINITY || proxies || trustProxy === 'false') return;
    this.options.log.warn(
      `--max-connections-per-address is ${maxConnectionsPerAddress}, and sails.config.http.trustProxy says that there is a proxy: its address has all connections, and they count as one client's. Let the proxy speak the PROXY protocol (--proxy-protocol-from), or let it keep the limit.`,
    );
  }
}

/** Whether something of the request was read. */
function hasHead({ head }: Arrival): boolean {
  return head !== undefined && head.length > 0;
}
