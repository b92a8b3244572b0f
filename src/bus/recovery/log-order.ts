import type { LogMark } from './log-mark';
import type { LoggedMessage } from './message-log';

/** So many addresses are remembered one by one. */
const CAPACITY = 50_000;
const COMPACT_FROM = 1_024;
/** Sorts after every mark. */
const NOT_YET = '~';

/** The messages of a {@link MessageLog} in the order in which they stand in the link's log, once they do. */
export class LogOrder {
  #messages: LoggedMessage[] = [];
  #first = 0;
  /** Everything after this is known: kept, or remembered as dropped. Nothing where the link keeps no log. */
  #since: LogMark | undefined;
  /** The latest message of each room that is no longer kept. The latest to everybody stands at `null`. */
  readonly #dropped = new Map<string | null, LogMark>();
  /** Messages of this hub that are on their way to the log. */
  #unlogged: LoggedMessage[] = [];
  /** Addresses of such that were dropped before. */
  readonly #droppedUnlogged = new Set<string | null>();
  /** Addresses that are no longer remembered have nothing dropped after this. */
  #floor = '';

  get since(): LogMark | undefined {
    return this.#since;
  }

  /** From here on this is told of every message. */
  begin(since: LogMark): void {
    this.#since ??= since;
  }

  /** A message has its place behind all others. */
  add(message: LoggedMessage): void {
    this.#messages.push(message);
  }

  /** A message of this hub goes to the log. */
  expect(message: LoggedMessage): void {
    this.#unlogged.push(message);
  }

  get unlogged(): readonly LoggedMessage[] {
    return this.#unlogged;
  }

  /** It stands there. Returns whether earlier ones do not: they were lost on the way. */
  logged(message: LoggedMessage, mark: LogMark): boolean {
    message.mark = mark;
    const index = this.#unlogged.indexOf(message);
    const lost = this.#unlogged.splice(0, index + 1).slice(0, -1);
    for (const earlier of lost) earlier.mark = mark;
    if (index === -1) this.#remember(message);
    else this.#messages.push(message);
    for (const address of this.#droppedUnlogged) this.#rememberAt(address, mark);
    this.#droppedUnlogged.clear();
    return lost.length > 0;
  }

  addEarlier(dropped: Array<Pick<LoggedMessage, 'rooms' | 'mark'>>, kept: LoggedMessage[], since: LogMark): void {
    for (const message of dropped) this.#remember(message);
    this.#messages = [...kept, ...this.#messages.slice(this.#first)];
    this.#first = 0;
    this.#since = since;
  }

  /** A message is no longer kept; nor is any with a number of the hub below this one. */
  dropped(message: LoggedMessage, oldestOrder: number): void {
    if (message.mark !== undefined) this.#remember(message);
    else if (this.#unlogged[0] === message) {
      this.#unlogged.shift();
      for (const address of addressesOf(message)) this.#droppedUnlogged.add(address);
    }
    // The two orders differ a little, so some leave this one somewhat later.
    let first = this.#messages[this.#first];
    while (first && first.order < oldestOrder) {
      (this.#messages as Array<LoggedMessage | undefined>)[this.#first] = undefined;
      this.#first += 1;
      first = this.#messages[this.#first];
    }
    if (this.#first >= COMPACT_FROM && this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The messages after a place in the log, in its order. */
  *after(mark: LogMark): Generator<LoggedMessage> {
    let low = this.#first;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.#messages[middle] as LoggedMessage).mark as LogMark) > mark) high = middle;
      else low = middle + 1;
    }
    for (let index = low; index < this.#messages.length; index++) yield this.#messages[index] as LoggedMessage;
  }

  /** The latest message to a room, or with `null` to everybody, that is no longer kept, or a later place. */
  lastDropped(address: string | null): LogMark {
    if (this.#droppedUnlogged.has(address)) return NOT_YET;
    return this.#dropped.get(address) ?? this.#floor;
  }

  #remember(message: Pick<LoggedMessage, 'rooms' | 'mark'>): void {
    for (const address of addressesOf(message)) this.#rememberAt(address, message.mark as LogMark);
  }

  #rememberAt(address: string | null, mark: LogMark): void {
    const before = this.#dropped.get(address);
    if (before !== undefined && before >= mark) return;
    // Its place in the map says when it was last used.
    this.#dropped.delete(address);
    this.#dropped.set(address, mark);
    if (this.#dropped.size <= CAPACITY) return;
    for (const [oldest, last] of this.#dropped) {
      if (last > this.#floor) this.#floor = last;
      this.#dropped.delete(oldest);
      return;
    }
  }
}

function addressesOf({ rooms }: Pick<LoggedMessage, 'rooms'>): Array<string | null> {
  return rooms.length === 0 ? [null] : rooms;
}
