/** How many sessions are remembered; a forgotten one is only touched once more. */
const MAX_REMEMBERED = 10_000;

/** Within what part of its age a session in use is touched at least once. */
const PART_OF_AGE = 4;

/** Remembers which sessions this process touched a short while ago, so that an active one is not touched with every request. */
export class TouchThrottle {
  // In the order of touching: the first is the oldest.
  readonly #touchedAt = new Map<string, number>();

  /** @param everyMs how long a touch holds; 0: never */
  constructor(private readonly everyMs: number) {}

  /** Whether a session has been touched so lately that another touch can wait. `ageMs`: for how long a touch keeps it. */
  holds(sid: string, ageMs: number): boolean {
    const touchedAt = this.#touchedAt.get(sid);
    return touchedAt !== undefined && Date.now() - touchedAt < Math.min(this.everyMs, ageMs / PART_OF_AGE);
  }

  /** A session was saved or touched. */
  touched(sid: string): void {
    this.#touchedAt.delete(sid);
    this.#touchedAt.set(sid, Date.now());
    if (this.#touchedAt.size > MAX_REMEMBERED) this.forget(this.#touchedAt.keys().next().value as string);
  }

  forget(sid: string): void {
    this.#touchedAt.delete(sid);
  }

  clear(): void {
    this.#touchedAt.clear();
  }
}
