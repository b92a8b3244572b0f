import { MAX_EVENTS } from './session-scripts';
import type { SessionAddress, SessionWrite } from './session-store';

/** What of a session is still to be stored. */
export interface PendingWrite extends SessionWrite {
  address: SessionAddress;
  isRemoved?: boolean;
  /** Its state differs from what was given to the store before. */
  isNews: boolean;
  /** The store may have an earlier state of it. Where it has none, nobody is given one. */
  mayHaveEarlier: boolean;
  /** Its client knows that it is not stored, and keeps to that until it is. */
  isTold: boolean;
}

/** What of sessions is still to be stored, by name: what is given later is joined to what was given before. */
export class PendingWrites {
  #writes = new Map<string, PendingWrite>();

  get size(): number {
    return this.#writes.size;
  }

  values(): Iterable<PendingWrite> {
    return this.#writes.values();
  }

  /** Returns everything, which is not pending any more. */
  take(): Map<string, PendingWrite> {
    const taken = this.#writes;
    this.#writes = new Map();
    return taken;
  }

  add(
    name: string,
    address: SessionAddress,
    write: SessionWrite,
    { mayHaveEarlier, isTold }: Pick<PendingWrite, 'mayHaveEarlier' | 'isTold'>,
  ): void {
    const before = this.#writes.get(name);
    const isNews = write.state !== undefined && !write.isAgain;
    if (!before || before.isRemoved || write.generation > before.generation) {
      this.#writes.set(name, {
        ...write,
        address,
        isNews: isNews || before?.isNews === true,
        mayHaveEarlier: mayHaveEarlier || before?.mayHaveEarlier === true,
        isTold: isTold || before?.isTold === true,
      });
      return;
    }
    before.goneForMs = write.goneForMs;
    before.isRepeated ||= write.isRepeated;
    before.isNews ||= isNews;
    if (write.state) before.state = write.state;
    if (write.replacesEvents) Object.assign(before, { replacesEvents: true, isTrimmed: write.isTrimmed, events: [] });
    if (write.events) before.events = [...(before.events ?? []), ...write.events].slice(-MAX_EVENTS - 1);
  }

  addRemoval(name: string, address: SessionAddress, generation: number): void {
    this.#writes.set(name, {
      address,
      generation,
      isRepeated: false,
      goneForMs: undefined,
      isRemoved: true,
      isNews: false,
      mayHaveEarlier: true,
      isTold: this.#writes.get(name)?.isTold === true,
    });
  }

  /** What could not be stored is stored later, unless something newer is to be. */
  putBack(name: string, write: PendingWrite): void {
    // It may have got there all the same.
    write.mayHaveEarlier = true;
    const newer = this.#writes.get(name);
    if (!newer) {
      this.#writes.set(name, write);
      return;
    }
    newer.mayHaveEarlier = true;
    newer.isTold ||= write.isTold;
    newer.isNews ||= write.isNews;
    if (newer.isRemoved || write.isRemoved || newer.generation !== write.generation) return;
    newer.state ??= write.state;
    if (newer.replacesEvents) return;
    newer.replacesEvents = write.replacesEvents;
    newer.isTrimmed = write.isTrimmed;
    newer.events = [...(write.events ?? []), ...(newer.events ?? [])].slice(-MAX_EVENTS - 1);
  }
}

/** Whether a client may believe its state to be stored that is not, where the store has an earlier one. */
export function isToBeTold({ isNews, mayHaveEarlier, isTold, isRemoved, goneForMs }: PendingWrite): boolean {
  return isNews && mayHaveEarlier && !isTold && !isRemoved && goneForMs === undefined;
}
