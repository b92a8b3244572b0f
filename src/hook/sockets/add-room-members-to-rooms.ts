import type { Callback } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { orderForRoomMembers } from './order-for-room';

/** Makes `sails.sockets.addRoomMembersToRooms()`. */
export function makeAddRoomMembersToRooms(runtime: HookRuntime) {
  /**
   * Puts every member of a room into other rooms, on whichever worker and pod it is.
   * @param sourceRoom a room name or a socket id; a room without members is no error
   * @param done called once they are in
   * @returns a promise for the same; it may be left alone
   */
  return function addRoomMembersToRooms(sourceRoom: string, rooms: string | string[], done?: Callback): Promise<true> {
    return orderForRoomMembers(runtime, 'addRoomMembersToRooms', 'join', sourceRoom, rooms, done);
  };
}
