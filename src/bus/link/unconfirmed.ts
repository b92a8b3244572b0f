import type { OnLogged } from './link';

/** An own message that has not been read back from the log yet. */
export interface UnconfirmedEntry {
  count: number;
  body: Buffer;
  onLogged?: OnLogged | undefined;
}

const MAX_ENTRIES = 1_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** What is older than this when Redis is back is of no use to anybody any more. */
const MAX_AGE_MS = 5_000;

/**
 * Own messages until they are seen in the log: after an outage those that are not there are written again. While Redis is
 * away a bounded number of them is kept for a bounded time; the oldest go first.
 */
export class Unconfirmed {
  /** Something was dropped since this was last set to `false`. */
  hasDropped = false;
  readonly #entries = new Map<number, UnconfirmedEntry & { at: number }>();
  #bytes = 0;

  constructor(private readonly onDropped: () => void) {}

  /** @param isWritten whether it is on its way to Redis; else it waits, and so does all that is unconfirmed */
  add(entry: UnconfirmedEntry, isWritten: boolean): void {
    this.#entries.set(entry.count, { ...entry, at: Date.now() });
    this.#bytes += entry.body.length;
    if (isWritten) return;
    while (this.#entries.size > MAX_ENTRIES || this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /** It is in the log. What came before it was there too, and has been trimmed, or will never be. */
  confirm(count: number): UnconfirmedEntry | undefined {
    for (const earlier of this.#entries.keys()) {
      if (earlier >= count) break;
      this.#remove(earlier);
    }
    return this.#remove(count);
  }

  /** Redis does not take it. */
  refuse(count: number): void {
    if (!this.#remove(count)) return;
    this.hasDropped = true;
    this.onDropped();
  }

  /** Everything that is still fresh, in order, its time beginning anew; it stays until it is confirmed. */
  takeFresh(): UnconfirmedEntry[] {
    const now = Date.now();
    for (const [count, entry] of this.#entries) {
      if (entry.at < now - MAX_AGE_MS) this.refuse(count);
      else entry.at = now;
    }
    return [...this.#entries.values()];
  }

  /** Everything that is still fresh, in order; it is no longer here. */
  takeOut(): UnconfirmedEntry[] {
    const entries = this.takeFresh();
    this.#entries.clear();
    this.#bytes = 0;
    return entries;
  }

  /** How long the oldest has been under way, in milliseconds; 0 where there is none. */
  get oldestAgeMs(): number {
    const [oldest] = this.#entries.values();
    return oldest ? Date.now() - oldest.at : 0;
  }

  #dropOldest(): void {
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.refuse(oldest);
  }

  #remove(count: number): UnconfirmedEntry | undefined {
    const entry = this.#entries.get(count);
    if (!entry) return undefined;
    this.#entries.delete(count);
    this.#bytes -= entry.body.length;
    return entry;
  }
}
