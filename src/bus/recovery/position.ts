import { isMark, type LogMark } from './log-mark';

/**
 * How far a client has got: it has everything that the worker `origin` itself sent it up to `seq`, and of what came to that
 * worker through the hub everything up to `order`. A worker hands its own messages to its own sockets in the tick of the
 * emit, before the hub has put them in order; so one number would not do. Nor would numbers of one hub do for another:
 * of what stands in the link's log the client has everything up to `mark`, whoever sent it.
 */
export interface Position {
  /** Names a worker, for as long as its connection to the hub lasts. */
  origin: string;
  /** Counts what that worker has sent. */
  seq: number;
  /** The hub's count of all messages. */
  order: number;
  /** The hub that counts so; nothing where it is this one. */
  hub?: string;
  /** Nothing where the link keeps no log. */
  mark?: LogMark;
  /**
   * The hub's epoch, 1 for the first; nothing before. A new one begins whenever the store of its sessions lacks something.
   * What was stored when it last wrote down an earlier one is not to be relied upon.
   */
  epoch?: number | undefined;
}

/** Where a message stands. `origin` is empty where no worker that is known here has sent it. */
export interface Placed {
  origin: string;
  seq: number;
  /** This hub's count. */
  order: number;
  /** The hub that has sent it; nothing where it is this one, or where the link keeps no log. */
  hub?: string;
  /** Its number there. */
  hubOrder?: number;
  /** Nothing while it does not stand in the log. */
  mark?: LogMark;
}

/** Whether a message is none of those up to a position. */
export function isAfter(message: Placed, position: Position): boolean {
  if (message.mark !== undefined && position.mark !== undefined && message.mark <= position.mark) return false;
  if (message.origin !== '' && message.origin === position.origin) return message.seq > position.seq;
  if (position.hub === undefined) return message.order > position.order;
  // A hub writes to the log what it has numbered; of other hubs' messages it has numbered what it had read.
  return message.hub === position.hub ? (message.hubOrder ?? 0) > position.order : true;
}

/** Offsets begin with a character that no app has at the start of an event's last argument. */
const MARK = '\u0001';
const RADIX = 36;
const PATTERN = new RegExp(
  `^${MARK}([\\w-]{1,16})\\.([0-9a-z]{1,11})\\.([0-9a-z]{1,11})(?:\\.([0-9a-z]{11,21}))?(?:~([0-9a-z]{1,8}))?$`,
);

/** A position as clients are given it, and give it back. Whose hub it is, is known by its origin. */
export function formatOffset({ origin, seq, order, mark, epoch }: Position): string {
  const numbers = `${MARK}${origin}.${seq.toString(RADIX)}.${order.toString(RADIX)}`;
  const offset = mark === undefined ? numbers : `${numbers}.${mark}`;
  return epoch === undefined ? offset : `${offset}~${epoch.toString(RADIX)}`;
}

/** Reads what {@link formatOffset} has written; `undefined` for anything else. */
export function parseOffset(text: string): Position | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  const [, origin, seq, order, mark, epoch] = match;
  if (mark !== undefined && !isMark(mark)) return undefined;
  return {
    origin: origin as string,
    seq: Number.parseInt(seq as string, RADIX),
    order: Number.parseInt(order as string, RADIX),
    ...(mark !== undefined && { mark }),
    ...(epoch !== undefined && { epoch: Number.parseInt(epoch, RADIX) }),
  };
}
