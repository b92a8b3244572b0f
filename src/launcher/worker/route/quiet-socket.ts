import type { OutgoingMessage } from 'node:http';
import type { Socket } from 'node:net';

/** Where Node's HTTP server keeps the response that a connection is busy with. */
interface HttpSocket extends Socket {
  _httpMessage?: OutgoingMessage | null;
}

/** Whether everything that was to be written to a connection is written: answers to requests that the client sent ahead. */
export function isQuiet(socket: Socket): boolean {
  return !(socket as HttpSocket)._httpMessage && socket.writableLength === 0;
}

/**
 * Calls back when a connection that asks for an upgrade is quiet; never, where it ends first. At an upgrade Node's HTTP
 * server lets go of the connection even if it still owes answers on it.
 */
export function whenQuiet(socket: Socket, callback: () => void): void {
  if (isQuiet(socket)) {
    callback();
    return;
  }
  const onError = () => socket.destroy();
  const onDrain = () => (socket as HttpSocket)._httpMessage?.emit('drain');
  socket.on('error', onError);
  socket.on('drain', onDrain);
  const check = () => {
    if (socket.destroyed) return;
    const owed = (socket as HttpSocket)._httpMessage;
    if (owed) owed.once('close', check);
    else if (socket.writableLength > 0) socket.write('', check);
    else {
      socket.removeListener('error', onError);
      socket.removeListener('drain', onDrain);
      callback();
    }
  };
  check();
}
