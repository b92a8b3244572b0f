import type { Callback } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { rejectNoRoom } from './order-for-room';
import { settleOrder } from './order-outcome';
import { allOf, orderByRoom } from './orders';

/** Options of `sails.sockets.leaveAll()`. */
export interface LeaveAllOptions {
  /** Whether the sockets leave the rooms named after their own ids, too. Default false. */
  includeSocketRooms?: boolean;
  /** Whether they leave the source room. Default true. */
  includeSourceRoom?: boolean;
}

/** Makes `sails.sockets.leaveAll()`. */
export function makeLeaveAll(runtime: HookRuntime) {
  /**
   * Takes every member of a room out of all rooms, on whichever worker and pod it is.
   * @param sourceRoom a room name or a socket id; a room without members is no error
   * @param done called once they have left
   * @returns a promise for the same; it may be left alone
   */
  function leaveAll(sourceRoom: string, done?: Callback): Promise<true>;
  function leaveAll(sourceRoom: string, options: LeaveAllOptions | undefined, done?: Callback): Promise<true>;
  function leaveAll(
    sourceRoom: string,
    optionsOrDone?: LeaveAllOptions | Callback,
    callback?: Callback,
  ): Promise<true> {
    const done = typeof optionsOrDone === 'function' ? optionsOrDone : callback;
    const options = typeof optionsOrDone === 'function' ? {} : (optionsOrDone ?? {});
    const what = 'sails.sockets.leaveAll()';
    if (typeof sourceRoom !== 'string') return settleOrder(runtime, what, rejectNoRoom(what, sourceRoom), done);
    const plain = options.includeSocketRooms !== true && options.includeSourceRoom !== false;
    const work = plain
      ? orderByRoom(runtime, sourceRoom, { verb: 'leaveAll' })
      : leaveSelected(runtime, sourceRoom, options);
    return settleOrder(runtime, what, work, done);
  }
  return leaveAll;
}

/** Asks which rooms the members are in, then takes each out of those that the options name. */
async function leaveSelected(runtime: HookRuntime, sourceRoom: string, options: LeaveAllOptions): Promise<void> {
  const members = await runtime.io.in(sourceRoom).fetchSockets();
  await allOf(
    members.map((member) => {
      const rooms = [...member.rooms].filter((room) => {
        if (room === member.id) return options.includeSocketRooms === true;
        return room !== sourceRoom || options.includeSourceRoom !== false;
      });
      return rooms.length > 0 ? orderByRoom(runtime, member.id, { verb: 'leave', rooms }) : undefined;
    }),
  );
}
