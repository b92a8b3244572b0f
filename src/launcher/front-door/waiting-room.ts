import type { RawHandle } from '../raw-handle';
import { openFileLimit } from './open-file-limit';

/** How many connections may wait for a worker: each is an open file. */
const MOST_WAITING = Math.min(4_000, Math.floor((openFileLimit() ?? Number.POSITIVE_INFINITY) / 4));
/**
 * How long one may wait where workers are ready and only have too much to do: as long as Socket.IO's clients wait. A refused
 * poll would end a session that lives, and its client would add to the storm.
 */
const BUSY_PATIENCE_MS = 20_000;

/** What a {@link WaitingRoom} needs. */
export interface WaitingRoomOptions<T> {
  /** How long one may wait while no worker is ready, in milliseconds. */
  patienceMs: number;
  /** Whether some worker is ready, and will take whoever waits when it comes to it. */
  isBusy(): boolean;
  /** What becomes of one that waited too long, or found no room. */
  onTooLong(item: T): void;
}

/**
 * Connections that came while no worker could take them: nothing is read of them while they wait, for a bounded time. A
 * storm is slowed that way; only where there is nobody to wait for, it is refused soon.
 */
export class WaitingRoom<T = RawHandle> {
  #waiting: { item: T; since: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(private readonly options: WaitingRoomOptions<T>) {}

  add(item: T): void {
    const patienceMs = this.#patienceMs;
    if (patienceMs === 0 || this.#waiting.length >= MOST_WAITING) {
      this.options.onTooLong(item);
      return;
    }
    this.#waiting.push({ item, since: Date.now() });
    this.#timer ??= this.#lookIn(this.options.patienceMs || patienceMs);
  }

  /** Gives the waiting ones, in their order, to a function that says whether it took it; stops at the first that it did not take. */
  offer(take: (item: T) => boolean): void {
    while (this.#waiting[0] && take(this.#waiting[0].item)) this.#waiting.shift();
    this.#lookIfEmpty();
  }

  /** Settles when nobody waits any longer: nobody new is to come. Whoever still does after this many milliseconds is turned away. */
  async close(patienceMs: number): Promise<void> {
    if (this.#waiting.length > 0 && this.options.isBusy()) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      const timer = setTimeout(() => this.#onEmpty?.(), patienceMs);
      await empty;
      clearTimeout(timer);
    }
    this.clear();
  }

  /** Turns everybody away. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { item } of this.#waiting.splice(0)) this.options.onTooLong(item);
  }

  #lookIfEmpty(): void {
    if (this.#waiting.length === 0) this.#onEmpty?.();
  }

  get #patienceMs(): number {
    const { patienceMs, isBusy } = this.options;
    return isBusy() ? Math.max(patienceMs, BUSY_PATIENCE_MS) : patienceMs;
  }

  #lookIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#expire(), Math.max(1, ms));
  }

  #expire(): void {
    this.#timer = undefined;
    const now = Date.now();
    const patienceMs = this.#patienceMs;
    while (this.#waiting[0] && this.#waiting[0].since + patienceMs <= now) {
      const { item } = this.#waiting.shift() as { item: T };
      this.options.onTooLong(item);
    }
    this.#lookIfEmpty();
    const next = this.#waiting[0];
    // a worker that was ready may be so no longer: then the short patience holds again
    if (next)
      this.#timer = this.#lookIn(Math.min(next.since + patienceMs - now, this.options.patienceMs || patienceMs));
  }
}
