/** After this long a request that is not answered gives its place to others; its answer, if it comes, is still sent. */
export const PLACE_HELD_MS = 30_000;

/**
 * The places of one socket for virtual requests in flight. A handler that never answers takes its place for
 * {@link PLACE_HELD_MS} only: with a limit that is never given back, an app that leaves some requests unanswered would
 * sooner or later lock its clients out.
 */
export class RequestPlaces {
  /** When each request that has a place began, the oldest first. */
  readonly #begun = new Map<number, number>();
  #last = 0;
  #abandoned = 0;

  /** How many requests gave up their place unanswered, so far. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /**
   * Takes a place.
   * @param limit how many there are; 0: any number
   * @param now in milliseconds
   * @returns its number, for {@link free}; `undefined` where all are taken
   */
  take(limit: number, now: number): number | undefined {
    if (limit > 0 && this.#begun.size >= limit && !this.#takeOver(now)) return undefined;
    this.#last += 1;
    this.#begun.set(this.#last, now);
    return this.#last;
  }

  free(place: number): void {
    this.#begun.delete(place);
  }

  /** Gives up the places that are held too long. Returns whether there are any. */
  #takeOver(now: number): boolean {
    const before = this.#abandoned;
    for (const [place, begun] of this.#begun) {
      if (now - begun < PLACE_HELD_MS) break;
      this.#begun.delete(place);
      this.#abandoned += 1;
    }
    return this.#abandoned > before;
  }
}
