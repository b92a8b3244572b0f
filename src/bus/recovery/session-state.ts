import type { LogMark } from './log-mark';
import type { MessageLog } from './message-log';
import type { Position } from './position';
import { SessionRecord, type Stay } from './session-record';

/** A {@link Position} as it travels; `hub` is named always. */
export type PositionState = [
  origin: string,
  seq: number,
  order: number,
  hub: string,
  mark: LogMark | null,
  epoch?: number,
];
type StayState = [from: PositionState] | [from: PositionState, until: PositionState];

/** What a hub knows of a socket, for other hubs. */
export interface SessionState {
  sid: string;
  /** `Date.now()` at the hub where it was opened. */
  openedAt: number;
  generation: number;
  started: PositionState;
  origins: Array<[origin: string, hub: string]>;
  stays: Array<[room: string, stays: StayState[]]>;
  data: unknown;
  binding: string;
  isRepeated: boolean;
  floor: [offset: string | null, position: PositionState] | null;
}

/** Writes and reads {@link SessionState} for one hub, to which its own positions name no hub. */
export class SessionStates {
  constructor(private readonly ownHub: string) {}

  write(session: SessionRecord): SessionState {
    const { sid, openedAt, generation, data, binding, isRepeated, floor } = session;
    return {
      sid,
      openedAt,
      generation,
      started: this.writePosition(session.started),
      origins: [...session.origins].map(([origin, hub]) => [origin, hub ?? this.ownHub]),
      stays: [...session.stays()].map(([room, stays]) => [room, stays.map((stay) => this.#writeStay(stay))]),
      data,
      binding,
      isRepeated,
      floor: floor ? [floor.offset, this.writePosition(floor.position)] : null,
    };
  }

  /** Makes the record of a session that no worker of this hub has yet. */
  read(key: string, state: SessionState, log: MessageLog): SessionRecord {
    const { sid, generation, data, binding, isRepeated, floor } = state;
    const started = this.readPosition(state.started);
    const session = new SessionRecord(sid, key, started, { generation, worker: undefined, data, binding, isRepeated });
    session.openedAt = state.openedAt;
    for (const [origin, hub] of state.origins) session.addOrigin(origin, this.#here(hub));
    for (const [room, stays] of state.stays) {
      session.takeStays(
        room,
        stays.map(([from, until]) => ({ from: this.readPosition(from), until: until && this.readPosition(until) })),
        log,
      );
    }
    if (floor) session.floor = { offset: floor[0], position: this.readPosition(floor[1]) };
    return session;
  }

  writePosition({ origin, seq, order, hub, mark, epoch }: Position): PositionState {
    const written: PositionState = [origin, seq, order, hub ?? this.ownHub, mark ?? null];
    if (epoch !== undefined) written.push(epoch);
    return written;
  }

  readPosition([origin, seq, order, hub, mark, epoch]: PositionState): Position {
    const here = this.#here(hub);
    return {
      origin,
      seq,
      order,
      ...(here !== undefined && { hub: here }),
      ...(mark !== null && { mark }),
      ...(epoch !== undefined && { epoch }),
    };
  }

  #here(hub: string): string | undefined {
    return hub === this.ownHub ? undefined : hub;
  }

  #writeStay({ from, until }: Stay): StayState {
    return until ? [this.writePosition(from), this.writePosition(until)] : [this.writePosition(from)];
  }
}
