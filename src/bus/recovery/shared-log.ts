import { decodeMessage } from '../codec';
import type { LinkLog, LoggedEntry } from '../link/link';
import { MessageKind, originOf } from '../protocol';
import { type LogMark, logIdOf, markOf, partsOf } from './log-mark';
import type { MessageLog, NewMessage } from './message-log';

const START = '0-0';
const START_MARK = markOf(START);

/** The link's log as recovery uses it. */
export class SharedLog {
  #position = START;
  #reached: LogMark | undefined;
  /** What stood in the log before here may be missing. */
  #brokenUntil: LogMark = '';
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  /** One after the other: the second finds what the first has read back. */
  readonly #readBacks = new Map<MessageLog, Promise<unknown>>();

  constructor(
    private readonly log: LinkLog,
    private readonly ownHub: string,
  ) {}

  /** How far it has been read. Nothing before the first entry. */
  get reached(): LogMark | undefined {
    const { position } = this.log;
    if (position !== this.#position) {
      this.#position = position;
      this.#reached = markOf(position);
    }
    return this.#reached;
  }

  /** Where reading has begun, or has come to. */
  get start(): LogMark {
    return this.reached ?? START_MARK;
  }

  /** Entries may be missing before the one that comes next. */
  broken(): void {
    this.#brokenUntil = this.start;
  }

  /** Whether something may be missing of what a client lacks that has everything up to a mark. */
  isBrokenAfter(mark: LogMark): boolean {
    return mark <= this.#brokenUntil;
  }

  /** Settles when everything that is in the log now has been read. Those who come together wait together. */
  caughtUp(): Promise<void> {
    if (!this.#current) {
      this.#current = this.log.caughtUp().finally(() => {
        this.#current = undefined;
      });
      return this.#current;
    }
    // What is under way may have looked already where the log ends.
    this.#next ??= this.#current
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.caughtUp();
      });
    return this.#next;
  }

  /** Reads back what came before a namespace's log began. Settles with whether that log reaches back to a mark now. */
  async reachBack(nsp: string, log: MessageLog, mark: LogMark): Promise<boolean> {
    const { inLog } = log;
    // The beginning of the log can't be told from what was trimmed.
    if (mark <= START_MARK) return false;
    while (inLog.since !== undefined && inLog.since > mark) {
      const running = this.#readBacks.get(log);
      if (running) {
        await running;
        continue;
      }
      const reading = this.#readBack(nsp, log, mark, inLog.since);
      const settled = reading.catch(() => undefined);
      this.#readBacks.set(log, settled);
      try {
        if (!(await reading)) return false;
      } finally {
        this.#readBacks.delete(log);
      }
    }
    return inLog.since !== undefined;
  }

  async #readBack(nsp: string, log: MessageLog, mark: LogMark, upTo: LogMark): Promise<boolean> {
    const entries = await this.log.readBack(logIdOf(mark), logIdOf(upTo));
    if (!entries) return false;
    const seen = new Set<string>();
    const messages: Array<NewMessage & { at: number }> = [];
    for (const entry of entries) {
      const message = this.#messageOf(nsp, entry);
      if (!message) continue;
      const copy = `${message.hub ?? ''} ${message.hubOrder}`;
      if (message.hubOrder && seen.has(copy)) continue;
      seen.add(copy);
      messages.push(message);
    }
    log.addEarlier(messages, mark);
    return true;
  }

  #messageOf(nsp: string, { logId, origin, body }: LoggedEntry): (NewMessage & { at: number }) | undefined {
    const message = decodeMessage(body);
    if (typeof message === 'string' || message.kind !== MessageKind.Broadcast || message.nsp !== nsp) return undefined;
    const { rooms, except, payload, seq, from, order = 0 } = message;
    if (!payload || message.flags.volatile) return undefined;
    const mark = markOf(logId);
    return {
      origin: seq === undefined ? '' : (message.origin ?? originOf(from)),
      seq: seq ?? 0,
      ...(origin.hub !== this.ownHub && { hub: origin.hub, hubOrder: order }),
      mark,
      reached: mark,
      rooms,
      except,
      payload,
      at: performance.now() - Math.max(0, Date.now() - partsOf(mark)[0]),
    };
  }
}
