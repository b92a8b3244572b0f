import type { Broadcast } from '../protocol';
import { isAfter, type Placed, type Position } from './position';
import type { SessionRecord } from './session-record';

/** A hub that says nothing for this long does not come back. */
const FORGET_AFTER_MS = 600_000;

interface TakenAway {
  nsp: string;
  session: SessionRecord;
  /** What the client has got of that hub by itself. */
  from: Position;
  at: number;
}

/**
 * Hubs whose sessions were taken away since they said nothing. One that was only stopped sends later what its clients have got
 * already: they are left out then.
 */
export class GivenUpHubs {
  readonly #taken = new Map<string, TakenAway[]>();

  add(hub: string, nsp: string, session: SessionRecord, from: Position): void {
    const taken = this.#taken.get(hub) ?? [];
    taken.push({ nsp, session, from, at: performance.now() });
    this.#taken.set(hub, taken);
  }

  /** The sockets whose clients have a message already that only now comes from its hub. */
  whoHas(hub: string, message: Broadcast, placed: Placed): string[] {
    const taken = this.#taken.get(hub) ?? [];
    return taken
      .filter(({ nsp, from }) => nsp === message.nsp && !isAfter(placed, from))
      .map(({ session }) => session.sid);
  }

  get size(): number {
    return this.#taken.size;
  }

  expire(): void {
    const oldest = performance.now() - FORGET_AFTER_MS;
    for (const [hub, taken] of this.#taken) {
      const left = taken.filter(({ at }) => at > oldest);
      if (left.length > 0) this.#taken.set(hub, left);
      else this.#taken.delete(hub);
    }
  }
}
