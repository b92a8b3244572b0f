/** What keeps a virtual user's iteration going: timers, requests under way, open sockets. */
export class OpenWork {
  readonly #open = new Set<() => void>();
  #idle: (() => void) | undefined;

  /**
   * @param end stops it where the iteration is interrupted
   * @returns to be called when it is over
   */
  begin(end: () => void): () => void {
    const entry = () => end();
    this.#open.add(entry);
    return () => {
      if (this.#open.delete(entry) && this.#open.size === 0) this.#idle?.();
    };
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Settles when nothing has been open for a turn of the event loop, so that promises had time to open more. */
  async whenIdle(): Promise<void> {
    for (;;) {
      if (this.#open.size > 0) {
        await new Promise<void>((resolve) => {
          this.#idle = resolve;
        });
        this.#idle = undefined;
      }
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#open.size === 0) return;
    }
  }

  endAll(): void {
    for (const end of [...this.#open]) end();
  }
}
