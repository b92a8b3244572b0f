import type { Socket } from 'node:net';

/**
 * A connection as libuv has it, below `net.Socket`. Node's own cluster module passes connections to workers in this form
 * (`RoundRobinHandle`): nobody reads from it on the way, so nothing can be lost.
 */
export interface RawHandle {
  readStop(): number;
  close(callback?: () => void): void;
}

/** The parts of a `net.Socket` that let go of its handle. */
interface SocketInternals {
  _handle: RawHandle | null;
}

/** The handle under a socket, where there is one to pass on (a TLS socket's cannot be passed). */
export function handleOf(socket: Socket): RawHandle | undefined {
  return (socket as unknown as SocketInternals)._handle ?? undefined;
}

/**
 * Takes the handle away from a socket: reading stops at once, and the socket ends without touching the connection, so that
 * its server counts one connection less.
 */
export function detachHandle(socket: Socket): RawHandle | undefined {
  const handle = handleOf(socket);
  if (!handle) return undefined;
  // `socket.pause()` would let one more chunk through
  handle.readStop();
  (socket as unknown as SocketInternals)._handle = null;
  socket.destroy();
  return handle;
}
