import type { Callback } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { orderForSockets, type SocketLike } from './order-for-sockets';

/** Makes `sails.sockets.leave()`. */
export function makeLeave(runtime: HookRuntime) {
  /**
   * Takes sockets out of a room, on whichever worker and pod they are.
   * @param sockets a socket, a virtual request or a socket id, or an array of them
   * @param done called once the sockets have left, with `E_NO_SUCH_SOCKET` when no worker has one of the ids
   * @returns a promise for the same; it may be left alone
   */
  return function leave(sockets: SocketLike | SocketLike[], room: string | string[], done?: Callback): Promise<true> {
    return orderForSockets(runtime, 'leave', sockets, room, done);
  };
}
