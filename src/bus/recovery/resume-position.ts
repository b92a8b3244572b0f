import type { LogMark } from './log-mark';
import type { HubMoment } from './namespace-sessions';
import { type Position, parseOffset } from './position';
import type { SessionRecord } from './session-record';

/** From where a client goes on; nothing where it names something impossible. */
export function positionOf(session: SessionRecord, offset: string | null): Position | undefined {
  const { floor, started, isRepeated, origins } = session;
  if (floor && floor.offset === offset) return floor.position;
  if (offset === null) return isRepeated ? undefined : started;
  const position = parseOffset(offset);
  if (!position) return undefined;
  if (origins.has(position.origin)) {
    const hub = origins.get(position.origin);
    return hub === undefined ? position : { ...position, hub };
  }
  // It has had no event since it got this session: the offset is of an earlier one.
  const isEarlier = position.mark === undefined || started.mark === undefined || position.mark <= started.mark;
  return isRepeated || !isEarlier ? undefined : started;
}

/** A worker's position, but not before a moment of its hub. */
export function later(position: Position, moment: HubMoment | undefined): Position {
  if (!moment) return position;
  const { mark } = moment;
  const order = Math.max(position.order, moment.order);
  if (mark === undefined || (position.mark !== undefined && position.mark >= mark)) return { ...position, order };
  return { ...position, order, mark };
}

export function isSame(left: Position, right: Position | undefined): right is Position {
  if (!right) return false;
  const { origin, seq, order, hub, mark } = left;
  return (
    origin === right.origin && seq === right.seq && order === right.order && hub === right.hub && mark === right.mark
  );
}

export function markIn({ mark }: { mark?: LogMark | undefined }): { mark?: LogMark } {
  return mark === undefined ? {} : { mark };
}
