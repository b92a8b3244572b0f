import { inspect } from 'node:util';
import type { Callback } from '../../types/sails';
import { SocketsUsageError } from '../errors';
import type { HookRuntime } from '../runtime';
import { settleOrder } from './order-outcome';
import { type Order, orderByRoom, orderLocal } from './orders';

/** What `addRoomMembersToRooms` and `removeRoomMembersFromRooms` do: an order for every member of a room. */
export function orderForRoomMembers(
  runtime: HookRuntime,
  method: string,
  verb: 'join' | 'leave',
  sourceRoom: string,
  rooms: string | string[],
  callback: Callback | undefined,
): Promise<true> {
  const what = `sails.sockets.${method}()`;
  if (typeof sourceRoom !== 'string') return settleOrder(runtime, what, rejectNoRoom(what, sourceRoom), callback);
  const order: Order = { verb, rooms: roomNames(runtime, what, rooms) };
  const own = runtime.io.sockets.sockets.get(sourceRoom);
  return settleOrder(runtime, what, own ? orderLocal(own, order) : orderByRoom(runtime, sourceRoom, order), callback);
}

/** The failure of a call whose first argument names no room. */
export function rejectNoRoom(what: string, room: unknown): Promise<void> {
  return Promise.reject(
    new SocketsUsageError(`\`${what}\` needs the name of a room first, got ${inspect(room, { depth: 0 })}`),
  );
}

function roomNames(runtime: HookRuntime, what: string, rooms: string | string[]): string[] {
  return (Array.isArray(rooms) ? rooms : [rooms]).filter((room) => {
    if (typeof room === 'string') return true;
    runtime.app.log.warn(`\`${what}\` skips a room whose name is no string: ${inspect(room, { depth: 0 })}`);
    return false;
  });
}
