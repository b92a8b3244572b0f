/** What a subscriber got of the messages it was meant to get. */
export interface Reconciliation {
  expected: number;
  received: number;
  missing: number;
  duplicate: number;
  outOfOrder: number;
}

/** Keeps account of numbered messages from one sender: which came, which twice, which after a later one. */
export class DeliveryAudit {
  readonly #seen = new Set<number>();
  #highest = 0;
  #duplicate = 0;
  #outOfOrder = 0;

  /** @param sequence number of the message, from 1 */
  receive(sequence: number): void {
    if (this.#seen.has(sequence)) {
      this.#duplicate += 1;
      return;
    }
    this.#seen.add(sequence);
    if (sequence < this.#highest) this.#outOfOrder += 1;
    else this.#highest = sequence;
  }

  /** The highest number that came. */
  get highest(): number {
    return this.#highest;
  }

  /**
   * @param total how many the sender says it sent
   * @param uncertain numbers that the sender got no answer for: they may have gone out or not, so they are not expected
   */
  reconcile(total: number, uncertain: readonly number[] = []): Reconciliation {
    const unsure = new Set(uncertain);
    let received = 0;
    let expected = 0;
    for (let sequence = 1; sequence <= total; sequence += 1) {
      if (unsure.has(sequence)) continue;
      expected += 1;
      if (this.#seen.has(sequence)) received += 1;
    }
    return {
      expected,
      received,
      missing: expected - received,
      duplicate: this.#duplicate,
      outOfOrder: this.#outOfOrder,
    };
  }
}
