import type { HookRuntime } from '../runtime';
import { DEFAULT_EVENT_NAME } from './default-event-name';
import { parseSocket } from './parse-socket';

/** Makes `sails.sockets.broadcast()`. */
export function makeBroadcast(runtime: HookRuntime) {
  /**
   * Sends an event to every socket in a room, on whichever worker and pod it is; a socket id is a room, too.
   * A socket that is in several of the rooms gets one copy.
   *
   * `broadcast(rooms, event, data, omit)` or `broadcast(rooms, data, omit)`, which emits `message`.
   * @param rooms a room name, or an array of them
   * @param omit a socket, a virtual request or a socket id that gets nothing
   */
  return function broadcast(
    rooms: string | string[],
    eventOrData: unknown,
    dataOrOmit?: unknown,
    omit?: unknown,
  ): void {
    const eventLeftOut = typeof eventOrData === 'object' && eventOrData !== null;
    const event = (!eventLeftOut && (eventOrData as string)) || DEFAULT_EVENT_NAME;
    const data = eventLeftOut ? eventOrData : dataOrOmit;
    const omitted = eventLeftOut ? (omit ?? dataOrOmit) : omit;
    if (Array.isArray(rooms) && rooms.length === 0) return;
    const socket = parseSocket(omitted);
    const except = typeof omitted === 'string' ? [omitted] : [];
    (socket ? socket.broadcast : runtime.io.sockets).to(rooms).except(except).emit(event, data);
  };
}
