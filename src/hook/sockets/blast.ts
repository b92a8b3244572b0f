import type { HookRuntime } from '../runtime';
import { DEFAULT_EVENT_NAME } from './default-event-name';
import { parseSocket } from './parse-socket';

/** Makes `sails.sockets.blast()`. */
export function makeBlast(runtime: HookRuntime) {
  /**
   * Sends an event to every connected socket of every worker and pod.
   * `blast(event, data, omit)` or `blast(data, omit)`, which emits `message`.
   * @param omit a socket, a virtual request or a socket id that gets nothing
   */
  return function blast(eventOrData: unknown, dataOrOmit?: unknown, omit?: unknown): void {
    const eventLeftOut = typeof eventOrData === 'object' && eventOrData !== null;
    const event = (!eventLeftOut && (eventOrData as string)) || DEFAULT_EVENT_NAME;
    const data = eventLeftOut ? eventOrData : dataOrOmit;
    const omitted = eventLeftOut ? (omit ?? dataOrOmit) : omit;
    const socket = parseSocket(omitted);
    if (socket) socket.broadcast.emit(event, data);
    else if (typeof omitted === 'string') runtime.io.sockets.except(omitted).emit(event, data);
    else runtime.io.sockets.emit(event, data);
  };
}
