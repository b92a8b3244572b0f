/** Keeps track of promises until they settle, so that others can wait for those that were begun. */
export class OutstandingWork {
  readonly #open = new Map<number, Promise<void>>();
  #latest = 0;

  /** The number of the piece of work begun last. */
  get latest(): number {
    return this.#latest;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Adds a piece of work; how it ends does not matter here. */
  add(work: Promise<unknown>): void {
    this.#latest += 1;
    const number = this.#latest;
    const done = () => {
      this.#open.delete(number);
    };
    this.#open.set(number, work.then(done, done));
  }

  /** Adds a piece of work that ends when the returned function is called. */
  begin(): () => void {
    let end: () => void = () => undefined;
    this.add(
      new Promise<void>((resolve) => {
        end = resolve;
      }),
    );
    return end;
  }

  /** What was begun after this number and is still open, or `undefined` when there is nothing. */
  openSince(number: number): Promise<unknown> | undefined {
    if (this.#open.size === 0 || this.#latest <= number) return undefined;
    const open: Promise<void>[] = [];
    for (const [key, work] of this.#open) if (key > number) open.push(work);
    return open.length > 0 ? Promise.all(open) : undefined;
  }

  /** Settles when everything begun so far has ended, or after this many milliseconds. */
  async settleWithin(limitMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limitMs);
    });
    await Promise.race([Promise.all(this.#open.values()), limit]);
    clearTimeout(timer);
  }
}
