import type { HubWorker } from '../hub/hub-worker';
import type { LogMark } from './log-mark';
import type { LoggedMessage, MessageLog } from './message-log';
import { isAfter, type Placed, type Position } from './position';

/** A stay in a room. */
export interface Stay {
  from: Position;
  until?: Position | undefined;
  /** The latest message when the hub heard of the end. */
  endedAt?: number;
}

/** What a client that has named an offset has, as is known from its last return, and the offset does not tell. */
export interface Floor {
  offset: string | null;
  position: Position;
}

const FORGET_FROM = 32;

/** What the hub knows of a socket that can be resumed. */
export class SessionRecord {
  /** Grows with each resume; what an older incarnation of the socket still says is not listened to. */
  generation: number;
  /** `Date.now()` at the hub where it was opened. */
  openedAt = Date.now();
  /** Who has the socket, or had it last. */
  worker: HubWorker | undefined;
  /** Events for it alone are of an earlier stay at this hub up to this number. */
  ownSince = 0;
  /** There have been events for it alone since. */
  hasOwn = false;
  floor: Floor | undefined;
  /** `performance.now()` when its connection was gone; nothing while it is connected. */
  goneAt: number | undefined;
  data: unknown;
  binding: string;
  /** Rooms whose messages its worker gets although it may not have announced them yet. */
  expected: string[] | undefined;
  /** Messages that its worker has not asked for yet. */
  replay: Iterator<LoggedMessage & { offset: string }> | undefined;
  #origins: ReadonlyMap<string, string | undefined>;
  /** The origins are those that all sessions of a worker share. */
  #hasSharedOrigins: boolean;
  /** All stays, but for one in its own room that has lasted from the beginning. */
  #rooms: Map<string, Stay[]> | undefined;
  #isInOwnRoom = false;
  /** Stays that are over. */
  #ended = 0;
  /** Looking through all of them has to pay. */
  #forgetAt = FORGET_FROM;

  constructor(
    readonly sid: string,
    readonly key: string,
    /** When it was opened: it has got nothing before. */
    readonly started: Position,
    opened: {
      generation: number;
      worker: HubWorker | undefined;
      data: unknown;
      binding: string;
      /** Offsets that are not known refer to an earlier hub, and not to an earlier session of the client. */
      isRepeated: boolean;
      /** The origins that it begins with, where other sessions have the same. */
      origins?: ReadonlyMap<string, string | undefined>;
    },
  ) {
    this.generation = opened.generation;
    this.worker = opened.worker;
    this.data = opened.data;
    this.binding = opened.binding;
    this.isRepeated = opened.isRepeated;
    this.#hasSharedOrigins = opened.origins !== undefined;
    this.#origins = opened.origins ?? new Map([[started.origin, started.hub]]);
  }

  readonly isRepeated: boolean;

  /** Names, in positions, of the workers that have had it, with their hubs; nothing for this one. */
  get origins(): ReadonlyMap<string, string | undefined> {
    return this.#origins;
  }

  addOrigin(origin: string, hub: string | undefined): void {
    if (this.#origins.has(origin) && this.#origins.get(origin) === hub) return;
    const origins = this.#hasSharedOrigins
      ? new Map(this.#origins)
      : (this.#origins as Map<string, string | undefined>);
    origins.set(origin, hub);
    this.#origins = origins;
    this.#hasSharedOrigins = false;
  }

  get rooms(): string[] {
    const rooms: string[] = [];
    for (const [room, stays] of this.stays()) if (isOpen(stays)) rooms.push(room);
    return rooms;
  }

  /** Stays in rooms, over and open, that are still of use. */
  get staysKept(): number {
    let count = 0;
    for (const [, stays] of this.stays()) count += stays.length;
    return count;
  }

  /** All its stays, by room. */
  *stays(): Generator<readonly [room: string, stays: readonly Stay[]]> {
    if (this.#isInOwnRoom) yield [this.sid, [{ from: this.started }]];
    if (this.#rooms) yield* this.#rooms;
  }

  /** Takes over stays that another hub has seen. */
  takeStays(room: string, stays: Stay[], { order }: MessageLog): void {
    for (const stay of stays) if (stay.until) stay.endedAt = order;
    this.#ended += stays.filter(({ until }) => until).length;
    this.#kept.set(room, stays);
  }

  join(room: string, from: Position): void {
    if (room === this.sid && (this.#isInOwnRoom || (from === this.started && !this.#rooms?.has(room)))) {
      this.#isInOwnRoom = true;
      return;
    }
    const stays = this.#kept.get(room);
    if (!stays) this.#kept.set(room, [{ from }]);
    else if (!isOpen(stays)) stays.push({ from });
  }

  leave(room: string, until: Position, log: MessageLog): void {
    if (room === this.sid && this.#isInOwnRoom) {
      this.#isInOwnRoom = false;
      this.#kept.set(room, [{ from: this.started }]);
    }
    const last = this.#rooms?.get(room)?.at(-1);
    if (!last || last.until) return;
    last.until = until;
    last.endedAt = log.order;
    this.#ended += 1;
    if (this.#ended >= this.#forgetAt) this.#forgetStaysBefore(log.oldestOrder);
  }

  /** Whether a message is for this socket: it was in one of its rooms when the message was sent, and in none that it leaves out. */
  isRecipientOf(message: LoggedMessage): boolean {
    if (message.only !== undefined) {
      return message.only === this.sid && message.order > this.ownSince && isAfter(message, this.started);
    }
    const isMeant =
      message.rooms.length === 0
        ? isAfter(message, this.started)
        : message.rooms.some((room) => this.#wasIn(room, message));
    return isMeant && !message.except.some((room) => this.#wasIn(room, message));
  }

  /** Whether every message for it after a position of this hub is still kept. */
  isCompleteAfter(from: Position, log: MessageLog): boolean {
    // Another hub's count says nothing here.
    const sinceHere = (since: Position) => (since.hub === undefined ? since : from);
    if (!log.hasAllToAll(from, sinceHere(this.started))) return false;
    if (!log.trimmedBySocket.hasAllAfter(this.sid, from, sinceHere(this.started))) return false;
    for (const [room, stays] of this.stays()) {
      for (const { from: since } of stays)
        if (!log.trimmedByRoom.hasAllAfter(room, from, sinceHere(since))) return false;
    }
    return true;
  }

  /** Whether every message for it that stands in the link's log after a mark is still kept, and every event for it alone. */
  isCompleteInLog(mark: LogMark, log: MessageLog): boolean {
    const { inLog } = log;
    if (inLog.since === undefined || inLog.since > mark) return false;
    const isKept = (address: string | null, since: Position) => {
      const last = inLog.lastDropped(address);
      return last <= mark || (since.mark !== undefined && last <= since.mark);
    };
    if (!isKept(null, this.started) || !this.hasAllOwn(log)) return false;
    for (const [room, stays] of this.stays()) if (!stays.every(({ from }) => isKept(room, from))) return false;
    return true;
  }

  /** Whether every event for it alone that came while this hub had it is still kept. */
  hasAllOwn({ trimmedBySocket }: MessageLog): boolean {
    const stayBegan = { origin: '', seq: 0, order: this.ownSince };
    return trimmedBySocket.hasAllAfter(this.sid, stayBegan, stayBegan);
  }

  get #kept(): Map<string, Stay[]> {
    this.#rooms ??= new Map();
    return this.#rooms;
  }

  #wasIn(room: string, message: Placed): boolean {
    if (room === this.sid && this.#isInOwnRoom) return isAfter(message, this.started);
    const stays = this.#rooms?.get(room);
    if (!stays) return false;
    return stays.some(({ from, until }) => isAfter(message, from) && !(until && isAfter(message, until)));
  }

  /** No message of these stays is kept any more. */
  #forgetStaysBefore(order: number): void {
    this.#ended = 0;
    for (const [room, stays] of this.#kept) {
      const kept = stays.filter(({ endedAt }) => endedAt === undefined || endedAt >= order);
      for (const { endedAt } of kept) if (endedAt !== undefined) this.#ended += 1;
      if (kept.length === 0) this.#kept.delete(room);
      else if (kept.length < stays.length) this.#kept.set(room, kept);
    }
    this.#forgetAt = Math.max(FORGET_FROM, this.#ended * 2);
  }
}

function isOpen(stays: readonly Stay[]): boolean {
  return stays.at(-1)?.until === undefined;
}
