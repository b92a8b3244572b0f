import type { Callback } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { orderForRoomMembers } from './order-for-room';

/** Makes `sails.sockets.removeRoomMembersFromRooms()`. */
export function makeRemoveRoomMembersFromRooms(runtime: HookRuntime) {
  /**
   * Takes every member of a room out of other rooms, on whichever worker and pod it is.
   * @param sourceRoom a room name or a socket id; a room without members is no error
   * @param done called once they have left
   * @returns a promise for the same; it may be left alone
   */
  return function removeRoomMembersFromRooms(
    sourceRoom: string,
    rooms: string | string[],
    done?: Callback,
  ): Promise<true> {
    return orderForRoomMembers(runtime, 'removeRoomMembersFromRooms', 'leave', sourceRoom, rooms, done);
  };
}
