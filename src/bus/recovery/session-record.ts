import type { HubWorker } from '../hub/hub-worker';
import type { LoggedMessage, MessageLog } from './message-log';
import { isAfter, type Placed, type Position } from './position';

/** A stay in a room. */
interface Stay {
  from: Position;
  until?: Position;
  /** The latest message when the hub heard of the end. */
  endedAt?: number;
}

const FORGET_FROM = 32;

/** What the hub knows of a socket that can be resumed. */
export class SessionRecord {
  /** Grows with each resume; what an older incarnation of the socket still says is not listened to. */
  generation: number;
  /** Who has the socket, or had it last. */
  worker: HubWorker | undefined;
  /** Names, in positions, of the workers that have had it. */
  readonly origins: string[];
  /** `performance.now()` when its connection was gone; nothing while it is connected. */
  goneAt: number | undefined;
  data: unknown;
  binding: string;
  /** Rooms whose messages its worker gets although it may not have announced them yet. */
  expected: string[] | undefined;
  /** Messages that its worker has not asked for yet. */
  replay: Iterator<LoggedMessage & { offset: string }> | undefined;
  readonly #rooms = new Map<string, Stay[]>();
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
      worker: HubWorker;
      data: unknown;
      binding: string;
      /** Offsets that are not known refer to an earlier hub, and not to an earlier session of the client. */
      isRepeated: boolean;
    },
  ) {
    this.generation = opened.generation;
    this.worker = opened.worker;
    this.data = opened.data;
    this.binding = opened.binding;
    this.isRepeated = opened.isRepeated;
    this.origins = [started.origin];
  }

  readonly isRepeated: boolean;

  get rooms(): string[] {
    const rooms: string[] = [];
    for (const [room, stays] of this.#rooms) if (isOpen(stays)) rooms.push(room);
    return rooms;
  }

  /** Stays in rooms, over and open, that are still of use. */
  get staysKept(): number {
    let count = 0;
    for (const stays of this.#rooms.values()) count += stays.length;
    return count;
  }

  join(room: string, from: Position): void {
    const stays = this.#rooms.get(room);
    if (!stays) this.#rooms.set(room, [{ from }]);
    else if (!isOpen(stays)) stays.push({ from });
  }

  leave(room: string, until: Position, log: MessageLog): void {
    const last = this.#rooms.get(room)?.at(-1);
    if (!last || last.until) return;
    last.until = until;
    last.endedAt = log.order;
    this.#ended += 1;
    if (this.#ended >= this.#forgetAt) this.#forgetStaysBefore(log.oldestOrder);
  }

  /** Whether a message is for this socket: it was in one of its rooms when the message was sent, and in none that it leaves out. */
  isRecipientOf(message: LoggedMessage): boolean {
    if (message.only !== undefined) return message.only === this.sid && isAfter(message, this.started);
    const isMeant =
      message.rooms.length === 0
        ? isAfter(message, this.started)
        : message.rooms.some((room) => this.#wasIn(room, message));
    return isMeant && !message.except.some((room) => this.#wasIn(room, message));
  }

  /** Whether every message for it after a position is still in the log. */
  isCompleteAfter(from: Position, log: MessageLog): boolean {
    if (!log.hasAllToAll(from, this.started)) return false;
    if (!log.trimmedBySocket.hasAllAfter(this.sid, from, this.started)) return false;
    for (const [room, stays] of this.#rooms) {
      for (const { from: since } of stays) if (!log.trimmedByRoom.hasAllAfter(room, from, since)) return false;
    }
    return true;
  }

  #wasIn(room: string, message: Placed): boolean {
    const stays = this.#rooms.get(room);
    if (!stays) return false;
    return stays.some(({ from, until }) => isAfter(message, from) && !(until && isAfter(message, until)));
  }

  /** No message of these stays is kept any more. */
  #forgetStaysBefore(order: number): void {
    this.#ended = 0;
    for (const [room, stays] of this.#rooms) {
      const kept = stays.filter(({ endedAt }) => endedAt === undefined || endedAt >= order);
      for (const { endedAt } of kept) if (endedAt !== undefined) this.#ended += 1;
      if (kept.length === 0) this.#rooms.delete(room);
      else if (kept.length < stays.length) this.#rooms.set(room, kept);
    }
    this.#forgetAt = Math.max(FORGET_FROM, this.#ended * 2);
  }
}

function isOpen(stays: Stay[]): boolean {
  return stays.at(-1)?.until === undefined;
}
