import type { LogMark } from './log-mark';
import { LogOrder } from './log-order';
import type { Placed, Position } from './position';
import type { RecoverySettings } from './settings';
import { TrimmedMessages } from './trimmed';

/** A message that clients may want again. */
export interface LoggedMessage extends Placed {
  rooms: string[];
  except: string[];
  /** The one socket that it is for. */
  only?: string;
  payload: Uint8Array;
  /** How far the link's log had been read when it came, itself included. Nothing where the link keeps none. */
  reached?: LogMark | undefined;
  /** `performance.now()` when it came. */
  at: number;
}

/** A message as it comes. */
export type NewMessage = Omit<LoggedMessage, 'order' | 'at'>;

/** What a message takes beside its payload, roughly, in bytes. */
const OVERHEAD_BYTES = 250;
/**
 * Messages are kept for this much longer than a client may be away: a dead connection is found out late, and what was sent
 * into it is to be sent again.
 */
const LATE_MS = 90_000;
const COMPACT_FROM = 1_024;

/** The order of a namespace's messages, and the latest of them. */
export class MessageLog {
  /** The number of the latest message. */
  order = 0;
  readonly trimmedByRoom = new TrimmedMessages<string>();
  readonly trimmedBySocket = new TrimmedMessages<string>();
  /** Of messages to everybody. */
  readonly trimmedToAll = new TrimmedMessages<null>();
  /** The same messages as they stand in the link's log. */
  readonly inLog = new LogOrder();
  #messages: LoggedMessage[] = [];
  /** Those that were sent before this log began have numbers below 1. */
  #lowest = 1;
  #first = 0;
  #bytes = 0;

  constructor(public settings: RecoverySettings) {}

  get size(): number {
    return this.#messages.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the oldest message that is kept; the next one's where there is none. */
  get oldestOrder(): number {
    return this.#messages[this.#first]?.order ?? this.order + 1;
  }

  /** Puts a message behind all others, with its number. */
  add(message: NewMessage): LoggedMessage {
    this.order += 1;
    const added = { ...message, payload: withoutItsChunk(message.payload), order: this.order, at: performance.now() };
    this.#messages.push(added);
    if (added.mark !== undefined) this.inLog.add(added);
    this.#bytes += added.payload.byteLength + OVERHEAD_BYTES;
    this.trim();
    return added;
  }

  /**
   * Puts messages before all others: they were read back from the link's log. Of those that are too many the latest are kept.
   * @param since the log was read from here on
   */
  addEarlier(messages: Array<NewMessage & { at: number }>, since: LogMark): void {
    const { maxMessages, maxBytes } = this.settings;
    let first = messages.length;
    let bytes = this.#bytes;
    for (; first > 0; first--) {
      const { payload } = messages[first - 1] as NewMessage;
      bytes += payload.byteLength + OVERHEAD_BYTES;
      if (this.size + messages.length - first >= maxMessages || bytes > maxBytes) break;
      this.#bytes = bytes;
    }
    const kept = messages.slice(first).map((message, index, { length }) => ({
      ...message,
      payload: withoutItsChunk(message.payload),
      order: this.#lowest - length + index,
    }));
    this.#lowest -= kept.length;
    this.#messages = [...kept, ...this.#messages.slice(this.#first)];
    this.#first = 0;
    this.inLog.addEarlier(messages.slice(0, first), kept, since);
  }

  /** Drops what is too much or too old. */
  trim(): void {
    const { maxMessages, maxBytes, maxDisconnectionDurationMs } = this.settings;
    const oldest = performance.now() - maxDisconnectionDurationMs - LATE_MS;
    for (let message = this.#messages[this.#first]; message; message = this.#messages[this.#first]) {
      if (this.size <= maxMessages && this.#bytes <= maxBytes && message.at >= oldest) break;
      this.#dropFirst(message);
    }
    if (this.#first >= COMPACT_FROM && this.#first * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The messages with numbers above this one, in order. */
  *after(order: number): Generator<LoggedMessage> {
    let low = this.#first;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#messages[middle] as LoggedMessage).order > order) high = middle;
      else low = middle + 1;
    }
    for (let index = low; index < this.#messages.length; index++) yield this.#messages[index] as LoggedMessage;
  }

  /** Whether nothing that was sent to everybody after both positions is gone. */
  hasAllToAll(from: Position, since: Position): boolean {
    return this.trimmedToAll.hasAllAfter(null, from, since);
  }

  #dropFirst(message: LoggedMessage): void {
    // The array keeps its length until it is compacted; the message itself must not be kept alive.
    (this.#messages as Array<LoggedMessage | undefined>)[this.#first] = undefined;
    this.#first += 1;
    this.inLog.dropped(message, this.oldestOrder);
    this.#bytes -= message.payload.byteLength + OVERHEAD_BYTES;
    if (message.only !== undefined) this.trimmedBySocket.add(message.only, message);
    else if (message.rooms.length === 0) this.trimmedToAll.add(null, message);
    else for (const room of message.rooms) this.trimmedByRoom.add(room, message);
  }
}

/** Bytes that came with others in one chunk would keep the whole chunk alive. */
function withoutItsChunk(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength * 2 < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes;
}
