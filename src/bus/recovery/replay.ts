import type { LogMark } from './log-mark';
import type { LoggedMessage, MessageLog } from './message-log';
import type { MissedMessage } from './messages';
import { formatOffset, isAfter, type Position } from './position';
import { markIn } from './resume-position';
import type { SessionRecord } from './session-record';

/** About so many bytes of missed messages go to a worker at once; it asks for more as the client takes them. */
const BATCH_BYTES = 256 * 1024;

/** A moment at which everything that stood in the link's log had been read. */
export interface Cut {
  /** Names the hub in positions. */
  origin: string;
  order: number;
  mark: LogMark;
  /** The hub's; nothing before the first. */
  epoch: number | undefined;
}

/**
 * What a client lacks after a position of another hub, up to now: first what stands in the link's log, in its order, which
 * is the one order that both hubs know. Then what does not, in this hub's order: events for the socket alone, and the latest
 * messages of this hub, which are on their way there.
 */
export function missedInLog(session: SessionRecord, from: Position, log: MessageLog): LoggedMessage[] {
  const isMissed = (message: LoggedMessage) => isAfter(message, from) && session.isRecipientOf(message);
  const own = session.hasOwn ? [...log.after(session.ownSince)].filter(({ only }) => only === session.sid) : [];
  const outside = [...log.inLog.unlogged, ...own].sort((left, right) => left.order - right.order);
  return [...log.inLog.after(from.mark ?? ''), ...outside].filter(isMissed);
}

/** The same messages with the offsets that say how far a client has got that has them up to there. */
export function* withOffsets(
  missed: LoggedMessage[],
  from: Position,
  cut: Cut,
): Generator<LoggedMessage & { offset: string }> {
  let { seq, order } = from;
  const { epoch } = from;
  for (const message of missed) {
    const { mark } = message;
    if (mark === undefined) {
      yield { ...message, offset: formatOffset({ ...cut, seq: 0, order: message.order }) };
      continue;
    }
    if (message.origin === from.origin) seq = message.seq;
    if (message.hub === from.hub) order = Math.max(order, message.hubOrder ?? 0);
    yield { ...message, offset: formatOffset({ origin: from.origin, seq, order, mark, epoch }) };
  }
}

/**
 * Missed messages with their offsets, which go on from where the client stands.
 * @param epoch the hub's, of which the client may know already; nothing before the first
 */
export function* missedBy(
  session: SessionRecord,
  from: Position,
  candidates: LoggedMessage[],
  epoch: number | undefined,
): Generator<LoggedMessage & { offset: string }> {
  let { seq } = from;
  for (const message of candidates) {
    if (!isAfter(message, from) || !session.isRecipientOf(message)) continue;
    if (message.origin === from.origin) seq = message.seq;
    const { order, reached } = message;
    const mark = from.mark !== undefined && (reached === undefined || from.mark > reached) ? from.mark : reached;
    yield { ...message, offset: formatOffset({ origin: from.origin, seq, order, ...markIn({ mark }), epoch }) };
  }
}

/** The next of a client's missed messages, about so much as goes to a worker at once. */
export function nextBatch(session: SessionRecord): { missed: MissedMessage[]; more: boolean } {
  const missed: MissedMessage[] = [];
  let bytes = 0;
  while (session.replay && bytes < BATCH_BYTES) {
    const next = session.replay.next();
    if (next.done) session.replay = undefined;
    else {
      missed.push([next.value.offset, next.value.payload]);
      bytes += next.value.payload.byteLength;
    }
  }
  return { missed, more: session.replay !== undefined };
}
