/** Counts virtual requests that are not answered yet. */
export class RequestsInFlight {
  #count = 0;
  #onIdle: Array<() => void> = [];

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count += 1;
  }

  /** One request, or several, are answered or have nobody left to be answered to. */
  end(count = 1): void {
    this.#count -= count;
    if (this.#count > 0) return;
    for (const idle of this.#onIdle.splice(0)) idle();
  }

  /** Settles when there are none, or after this many milliseconds. */
  async idleWithin(limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle.push(resolve);
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
  }
}
