import type { Socket } from 'socket.io-client';

/** What Socket.IO's client keeps for itself, as of 4.6. */
interface RecoveringSocket {
  _pid?: string;
  _lastOffset?: string;
  emitEvent?(args: readonly unknown[]): void;
}

/** An event that has come only for its offset. */
const OFFSET_EVENT = 'flotilla:offset';

/**
 * Takes the offset off the end of an event's arguments before the app's listeners hear it. Socket.IO's client leaves it
 * there, and takes any text at the end for one. Does nothing with a client whose insides differ.
 */
export function hideOffsets(socket: Socket): void {
  const recovering = socket as unknown as RecoveringSocket;
  const { emitEvent } = recovering;
  if (typeof emitEvent !== 'function') return;
  recovering.emitEvent = (args) => {
    if (recovering._pid === undefined) return emitEvent.call(socket, args);
    const last = args.at(-1);
    const offset = isOffset(last) ? last : recovering._lastOffset;
    if (args[0] !== OFFSET_EVENT) emitEvent.call(socket, isOffset(last) ? args.slice(0, -1) : args);
    recovering._lastOffset = offset;
  };
}

/** The server's offsets begin with a character that no app has at the start of an event's last argument. */
function isOffset(value: unknown): value is string {
  return typeof value === 'string' && value.charCodeAt(0) === 1;
}
