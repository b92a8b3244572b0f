/**
 * How far a client has got: it has everything that the worker `origin` itself sent it up to `seq`, and of what came to that
 * worker through the hub everything up to `order`. A worker hands its own messages to its own sockets in the tick of the
 * emit, before the hub has put them in order; so one number would not do.
 */
export interface Position {
  /** Names a worker, for as long as its connection to the hub lasts. */
  origin: string;
  /** Counts what that worker has sent. */
  seq: number;
  /** The hub's count of all messages. */
  order: number;
}

/** Where a message stands. `origin` is empty where no worker of this pod has sent it. */
export type Placed = Position;

/** Whether a message is none of those up to a position. */
export function isAfter(message: Placed, position: Position): boolean {
  return message.origin !== '' && message.origin === position.origin
    ? message.seq > position.seq
    : message.order > position.order;
}

/** Offsets begin with a character that no app has at the start of an event's last argument. */
const MARK = '\u0001';
const RADIX = 36;
const PATTERN = new RegExp(`^${MARK}([\\w-]{1,16})\\.([0-9a-z]{1,11})\\.([0-9a-z]{1,11})$`);

/** A position as clients are given it, and give it back. */
export function formatOffset({ origin, seq, order }: Position): string {
  return `${MARK}${origin}.${seq.toString(RADIX)}.${order.toString(RADIX)}`;
}

/** Reads what {@link formatOffset} has written; `undefined` for anything else. */
export function parseOffset(text: string): Position | undefined {
  const match = PATTERN.exec(text);
  if (!match) return undefined;
  return {
    origin: match[1] as string,
    seq: Number.parseInt(match[2] as string, RADIX),
    order: Number.parseInt(match[3] as string, RADIX),
  };
}
