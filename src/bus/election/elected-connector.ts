import { unlinkSync } from 'node:fs';
import { type Connector, LocalSocketConnector } from '../connector';
import type { BusCounters } from '../counters';
import type { BusLog } from '../fleet';
import type { Hub } from '../hub/hub';
import { createInProcessPorts } from '../transport/in-process-port';
import type { Port } from '../transport/port';
import { HubLock } from './hub-lock';

/** How often a hub makes sure that it is still the one. */
const LOCK_CHECK_MS = 2_000;

/** What an {@link ElectedConnector} is made of. */
export interface ElectedConnectorOptions {
  /** Path of the local socket at which the workers meet. */
  path: string;
  /** Makes the hub, should this process become it. */
  createHub(): Hub;
  counters: BusCounters;
  log: BusLog;
}

/**
 * The connector of a worker that has no primary to ask: the first worker that gets the lock holds the hub, the others
 * connect to it; when it goes, another takes over.
 */
export class ElectedConnector implements Connector {
  readonly #lock: HubLock;
  readonly #toHub: LocalSocketConnector;
  #hub: Hub | undefined;
  #lockTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ElectedConnectorOptions) {
    this.#lock = new HubLock(`${options.path}.lock`);
    this.#toHub = new LocalSocketConnector(options.path, options.counters);
  }

  async connect(): Promise<Port> {
    try {
      return await this.#toHub.connect();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error;
    }
    if (!this.#lock.tryAcquire()) throw new Error('another worker is about to become the hub');
    return this.#becomeHub();
  }

  async close(): Promise<void> {
    await this.#stepDown();
  }

  async #becomeHub(): Promise<Port> {
    const { path, createHub, counters, log } = this.options;
    await this.#hub?.close();
    removeSocketFile(path);
    const hub = createHub();
    this.#hub = hub;
    await hub.listen(path);
    log.info(`Flotilla: this worker (process ${process.pid}) holds the hub of its app`);
    this.#lockTimer = setInterval(() => {
      if (this.#lock.isOurs()) return;
      log.warn('Flotilla: another worker holds the hub too; this one steps down');
      void this.#stepDown();
    }, LOCK_CHECK_MS);
    this.#lockTimer.unref();
    const [ours, theirs] = createInProcessPorts(counters);
    hub.attach(theirs);
    return ours;
  }

  async #stepDown(): Promise<void> {
    const hub = this.#hub;
    this.#hub = undefined;
    clearInterval(this.#lockTimer);
    if (!hub) return;
    await hub.close();
    this.#lock.release();
  }
}

function removeSocketFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
