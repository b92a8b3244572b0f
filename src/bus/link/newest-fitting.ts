/** How many of the newest entries of a log fit into so many bytes, as far back as it was told of them. */
export class NewestFitting {
  readonly #sizes: Uint32Array;
  /** Where the next size goes. */
  #next = 0;
  #count = 0;
  #bytes = 0;
  /** Whether older entries than these are known not to fit. */
  #isBounded = false;

  /** @param maxEntries no more are counted, however small */
  constructor(
    private readonly maxEntries: number,
    private readonly maxBytes: number,
  ) {
    this.#sizes = new Uint32Array(maxEntries);
  }

  /** The newest entry has this size. */
  add(bytes: number): void {
    if (this.#count === this.maxEntries) this.#dropOldest();
    this.#sizes[this.#next] = bytes;
    this.#next = (this.#next + 1) % this.maxEntries;
    this.#count += 1;
    this.#bytes += bytes;
    while (this.#bytes > this.maxBytes && this.#count > 1) {
      this.#dropOldest();
      this.#isBounded = true;
    }
  }

  /** As many as are allowed at all, while nothing is known that does not fit. */
  get count(): number {
    return this.#isBounded ? this.#count : this.maxEntries;
  }

  #dropOldest(): void {
    const oldest = (this.#next - this.#count + this.maxEntries) % this.maxEntries;
    this.#bytes -= this.#sizes[oldest] as number;
    this.#count -= 1;
  }
}
