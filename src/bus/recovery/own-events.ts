import type { LoggedMessage, MessageLog } from './message-log';

/** The messages of a log that are for one socket alone, by socket: the log is gone through once for all of them. */
export class OwnEvents {
  readonly #bySid = new Map<string, LoggedMessage[]>();
  #readUpTo = 0;

  constructor(private readonly log: MessageLog) {}

  /** Knows what has come up to now. */
  readOn(): void {
    for (const message of this.log.after(this.#readUpTo)) {
      this.#readUpTo = message.order;
      if (message.only === undefined) continue;
      const before = this.#bySid.get(message.only);
      if (before) before.push(message);
      else this.#bySid.set(message.only, [message]);
    }
  }

  /** Those of a socket, in order. They are not held here any longer. */
  take(sid: string): LoggedMessage[] {
    const events = this.#bySid.get(sid) ?? [];
    this.#bySid.delete(sid);
    return events;
  }
}
