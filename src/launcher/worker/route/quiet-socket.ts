import type { OutgoingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Where Node's HTTP server keeps the response that a connection is busy with. */
interface HttpSocket extends Socket {
  _httpMessage?: OutgoingMessage | null;
}

/**
 * Calls back when everything that was to be written to a connection before its upgrade is written: answers to requests that
 * the client sent ahead of it. Never calls back where the connection ends first.
 */
export function whenQuiet(socket: Socket, callback: () => void): void {
  const check = () => {
    if (socket.destroyed) return;
    const pending = (socket as HttpSocket)._httpMessage;
    if (pending) pending.once('close', check);
    else if (socket.writableLength > 0) socket.write('', check);
    else callback();
  };
  check();
}
