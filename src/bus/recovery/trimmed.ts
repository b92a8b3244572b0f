import { isAfter, type Placed, type Position } from './position';

/** So many addresses are remembered one by one. */
const CAPACITY = 50_000;

/** The latest message to an address that is no longer kept. */
interface Last extends Placed {
  /** The highest number among those of other origins. */
  orderOfOthers: number;
}

/**
 * Remembers, for each address, the latest message that is no longer kept: a client in quiet rooms has missed nothing,
 * however much was sent to others since it got its last message.
 */
export class TrimmedMessages<Address> {
  readonly #last = new Map<Address, Last>();
  /** Addresses that are no longer remembered have nothing trimmed after this number. */
  #floor = 0;

  add(address: Address, { origin, seq, order }: Placed): void {
    const before = this.#last.get(address);
    let orderOfOthers = 0;
    if (before) {
      orderOfOthers = before.origin === origin && origin !== '' ? before.orderOfOthers : before.order;
      // Its place in the map says when it was last used.
      this.#last.delete(address);
    }
    this.#last.set(address, { origin, seq, order, orderOfOthers });
    if (this.#last.size <= CAPACITY) return;
    for (const [oldest, { order: oldestOrder }] of this.#last) {
      this.#floor = oldestOrder;
      this.#last.delete(oldest);
      return;
    }
  }

  /** Whether every message to an address that comes after both positions is still kept. */
  hasAllAfter(address: Address, from: Position, since: Position): boolean {
    const last = this.#last.get(address);
    if (!last) return this.#floor <= Math.max(from.order, since.order);
    const isMissing = (message: Placed) => isAfter(message, from) && isAfter(message, since);
    if (isMissing(last)) return false;
    return last.orderOfOthers === 0 || !isMissing({ origin: '', seq: 0, order: last.orderOfOthers });
  }
}
