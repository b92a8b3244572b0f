import type { RawHandle } from '../raw-handle';

/** How many connections may wait for a worker. */
const MOST_WAITING = 1_000;

/** Connections that came while no worker could take them: nothing is read of them while they wait, for a bounded time. */
export class WaitingRoom<T = RawHandle> {
  #waiting: { item: T; until: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param patienceMs how long one may wait
   * @param onTooLong what becomes of one that waited too long, or found no room
   */
  constructor(
    private readonly patienceMs: number,
    private readonly onTooLong: (item: T) => void,
  ) {}

  add(item: T): void {
    if (this.patienceMs === 0 || this.#waiting.length >= MOST_WAITING) {
      this.onTooLong(item);
      return;
    }
    this.#waiting.push({ item, until: Date.now() + this.patienceMs });
    this.#timer ??= setTimeout(() => this.#expire(), this.patienceMs);
  }

  /** Gives the waiting ones, in their order, to a function that says whether it took it; stops at the first that it did not take. */
  offer(take: (item: T) => boolean): void {
    while (this.#waiting[0] && take(this.#waiting[0].item)) this.#waiting.shift();
  }

  /** Turns everybody away. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { item } of this.#waiting.splice(0)) this.onTooLong(item);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = Date.now();
    while (this.#waiting[0] && this.#waiting[0].until <= now) {
      const { item } = this.#waiting.shift() as { item: T };
      this.onTooLong(item);
    }
    const next = this.#waiting[0];
    if (next) this.#timer = setTimeout(() => this.#expire(), Math.max(1, next.until - now));
  }
}
