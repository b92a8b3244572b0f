import type { OnLogged } from './link';

/** An own message that has not been read back from the log yet. */
export interface UnconfirmedEntry {
  count: number;
  body: Buffer;
  onLogged?: OnLogged | undefined;
}

type Entries = Map<number, UnconfirmedEntry & { at: number }>;

/** What waits for Redis. */
const MAX_WAITING = 1_000;
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** What is under way: reached only where Redis takes messages and this pod can't read them. */
const MAX_WRITTEN = 100_000;
const MAX_WRITTEN_BYTES = 64 * 1024 * 1024;
/** What is older than this when Redis is back is of no use to anybody any more. */
const MAX_AGE_MS = 5_000;

/**
 * Own messages until they are seen in the log: after an outage those that are not there are written again. While Redis is
 * away a bounded number is kept for a bounded time; the oldest go first. What was under way by then is not among these: it
 * may be in the log, so nobody can call it dropped before that has been read.
 */
export class Unconfirmed {
  /** Something was dropped since this was last set to `false`. */
  hasDropped = false;
  readonly #written: Entries = new Map();
  readonly #waiting: Entries = new Map();
  /** What is written has no smaller count: to look for the first key of a map takes longer the more were deleted before it. */
  #firstWritten = 1;
  #writtenBytes = 0;
  #waitingBytes = 0;

  constructor(private readonly onDropped: () => void) {}

  get size(): number {
    return this.#written.size + this.#waiting.size;
  }

  /** @param isWritten whether it is on its way to Redis; else it waits */
  add(entry: UnconfirmedEntry, isWritten: boolean): void {
    const timed = { ...entry, at: performance.now() };
    if (isWritten) this.#addWritten(timed);
    else {
      this.#waiting.set(entry.count, timed);
      this.#waitingBytes += entry.body.length;
    }
    while (this.#waiting.size > MAX_WAITING || this.#waitingBytes > MAX_WAITING_BYTES) {
      const [oldest] = this.#waiting.keys();
      this.refuse(oldest as number);
    }
    // Whether these arrive is no longer watched; should they not, then the count has a hole, which readers notice.
    while (this.#written.size > MAX_WRITTEN || this.#writtenBytes > MAX_WRITTEN_BYTES) {
      this.#remove(this.#firstWritten++);
    }
  }

  /** It is in the log. What came before it was there too, and has been trimmed, or will never be. */
  confirm(count: number): UnconfirmedEntry | undefined {
    if (!this.#written.has(count)) return undefined;
    while (this.#firstWritten < count) this.#remove(this.#firstWritten++);
    return this.#remove(count);
  }

  has(count: number): boolean {
    return this.#written.has(count);
  }

  /** Redis does not take it. */
  refuse(count: number): void {
    if (!this.#remove(count)) return;
    this.hasDropped = true;
    this.onDropped();
  }

  /** Everything that is still fresh, in order, its time beginning anew; it stays until it is confirmed. */
  takeFresh(): UnconfirmedEntry[] {
    const now = performance.now();
    const entries = [...this.#written.values(), ...this.#waiting.values()];
    const fresh: UnconfirmedEntry[] = [];
    for (const entry of entries) {
      if (entry.at < now - MAX_AGE_MS) {
        this.refuse(entry.count);
        continue;
      }
      this.#remove(entry.count);
      this.#addWritten({ ...entry, at: now });
      fresh.push(entry);
    }
    return fresh;
  }

  /** Everything that is still fresh, in order; it is no longer here. */
  takeOut(): UnconfirmedEntry[] {
    const fresh = this.takeFresh();
    for (const { count } of fresh) this.#remove(count);
    return fresh;
  }

  #addWritten(entry: UnconfirmedEntry & { at: number }): void {
    this.#written.set(entry.count, entry);
    this.#writtenBytes += entry.body.length;
  }

  #remove(count: number): UnconfirmedEntry | undefined {
    const written = this.#written.get(count);
    if (written) {
      this.#written.delete(count);
      this.#writtenBytes -= written.body.length;
      return written;
    }
    const waiting = this.#waiting.get(count);
    if (!waiting) return undefined;
    this.#waiting.delete(count);
    this.#waitingBytes -= waiting.body.length;
    return waiting;
  }
}
