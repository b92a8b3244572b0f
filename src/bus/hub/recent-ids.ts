/** Remembers the latest ids, to tell a second copy of a message from the first. */
export class RecentIds {
  #current = new Set<string>();
  #previous = new Set<string>();

  /** @param capacity at least so many of the latest ids are remembered */
  constructor(private readonly capacity = 10_000) {}

  /** Whether the id is new; from then on it is not. */
  add(id: string): boolean {
    if (this.#current.has(id) || this.#previous.has(id)) return false;
    this.#current.add(id);
    if (this.#current.size >= this.capacity) {
      this.#previous = this.#current;
      this.#current = new Set();
    }
    return true;
  }
}
