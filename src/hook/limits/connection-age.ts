import type { Server } from 'socket.io';
import { closeWithHint } from '../drain';
import type { HookRuntime } from '../runtime';
import type { EngineConnection } from '../server/engine-connections';

/** Ages are spread by this share to both sides, as gRPC does with its `MAX_CONNECTION_AGE`. */
const JITTER = 0.1;
const LOOK_EVERY_MS = 1_000;
/** So long a connection may go on because of a request in flight; then it ends all the same. */
const LONGEST_WAIT_FOR_IDLE_MS = 30_000;

interface Due {
  connection: EngineConnection;
  /** By `performance.now()`. */
  atMs: number;
  slot: number;
}

/**
 * Ends connections that are older than `maxConnectionAgeMs`, in the way that clients come back from at once, so that new
 * workers and pods get their share. One that waits for an answer, or is about to change its transport, ends a little later.
 */
export function limitConnectionAge(runtime: HookRuntime, io: Server): void {
  const { maxConnectionAgeMs } = runtime.settings;
  if (maxConnectionAgeMs === 0) return;
  const limit = new AgeLimit(runtime, maxConnectionAgeMs);
  io.engine.on('connection', (connection: EngineConnection) => limit.add(connection));
  const timer = setInterval(() => limit.endDue(), limit.lookEveryMs);
  timer.unref();
  runtime.cleanups.push(() => clearInterval(timer));
}

/** Keeps connections by the moment at which they are due, so that looking costs nothing for the others. */
class AgeLimit {
  readonly lookEveryMs: number;
  readonly #slots = new Map<number, Set<Due>>();
  #looked: number;

  constructor(
    private readonly runtime: HookRuntime,
    private readonly maxAgeMs: number,
  ) {
    this.lookEveryMs = Math.min(LOOK_EVERY_MS, maxAgeMs);
    this.#looked = this.#now;
  }

  get #now(): number {
    return Math.floor(performance.now() / this.lookEveryMs);
  }

  add(connection: EngineConnection): void {
    const atMs = performance.now() + this.maxAgeMs * (1 - JITTER + 2 * JITTER * Math.random());
    const due: Due = { connection, atMs, slot: 0 };
    this.#put(due, Math.ceil(atMs / this.lookEveryMs));
    connection.once('close', () => this.#remove(due));
  }

  endDue(): void {
    const now = this.#now;
    const ending: EngineConnection[] = [];
    while (this.#looked < now) {
      this.#looked += 1;
      for (const due of [...(this.#slots.get(this.#looked) ?? [])]) {
        this.#remove(due);
        if (this.#mayEnd(due)) ending.push(due.connection);
        else this.#put(due, now + 1);
      }
    }
    // a drain ends them all, at its own pace
    if (ending.length === 0 || this.runtime.draining || this.runtime.lowering) return;
    for (const _connection of ending) this.runtime.counters.countClosed('max-age');
    void closeWithHint(this.runtime, ending);
  }

  #mayEnd({ connection, atMs }: Due): boolean {
    const isBusy = this.runtime.connections.isBusy(connection) || connection.upgrading === true;
    return !isBusy || performance.now() - atMs > LONGEST_WAIT_FOR_IDLE_MS;
  }

  #put(due: Due, slot: number): void {
    due.slot = slot;
    const others = this.#slots.get(slot) ?? new Set();
    this.#slots.set(slot, others.add(due));
  }

  #remove(due: Due): void {
    const others = this.#slots.get(due.slot);
    others?.delete(due);
    if (others?.size === 0) this.#slots.delete(due.slot);
  }
}
