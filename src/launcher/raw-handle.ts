import { type Server, Socket } from 'node:net';

const SHOWN = Symbol('the client that a connection shows');

/**
 * A connection as libuv has it, below `net.Socket`. Node's own cluster module passes connections to workers in this form
 * (`RoundRobinHandle`): nobody reads from it on the way, so nothing can be lost.
 */
export interface RawHandle {
  readStop(): number;
  /** Whether Node believes that it is being read. */
  reading?: boolean;
  close(callback?: () => void): void;
  /** Fills in where the other side is; TCP only. */
  getpeername?(out: Partial<ClientAddress>): number;
  [SHOWN]?: ClientAddress;
}

/** Where a client is. */
export interface ClientAddress {
  address: string;
  port: number;
  family: 'IPv4' | 'IPv6';
}

/** Where the other side of a connection is; `undefined` for a local socket, or one that has ended. */
export function peerOfHandle(handle: RawHandle): ClientAddress | undefined {
  const peer: Partial<ClientAddress> = {};
  if (handle.getpeername?.(peer) !== 0) return undefined;
  return peer as ClientAddress;
}

/**
 * Makes a connection that a proxy speaks for show the client's address. Sockets ask the handle for it, and TLS sockets ask
 * the one beneath, so both show it.
 */
export function showClient(handle: RawHandle, client: ClientAddress): void {
  handle[SHOWN] = client;
  handle.getpeername = (out) => {
    Object.assign(out, client);
    return 0;
  };
}

/** The client that a connection was made to show: it has to travel along when the connection goes to another process. */
export function shownClient(handle: RawHandle): ClientAddress | undefined {
  return handle[SHOWN];
}

/** The parts of a `net.Socket` that let go of its handle. */
interface SocketInternals {
  _handle: RawHandle | null;
}

/** The handle under a socket, where there is one to pass on (a TLS socket's cannot be passed). */
export function handleOf(socket: Socket): RawHandle | undefined {
  return (socket as unknown as SocketInternals)._handle ?? undefined;
}

/** A socket over a connection, to read or answer it in this process; its two directions end one by one. */
export function socketOver(handle: RawHandle): Socket {
  // typed without `handle`, which is how Node makes every accepted socket
  return new Socket({ handle, allowHalfOpen: true } as ConstructorParameters<typeof Socket>[0]);
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
  // else the next socket that is made of it would not begin to read
  handle.reading = false;
  (socket as unknown as SocketInternals)._handle = null;
  socket.destroy();
  return handle;
}

/** The part of a listening server's handle at which connections arrive, before they become sockets. */
export interface ListenerHandle {
  onconnection(status: number, handle: RawHandle | undefined): void;
}

interface ServerInternals {
  _handle: Partial<ListenerHandle> | null;
}

/** The handle under a listening server; `undefined` where it does not listen, or this version of Node hides it. */
export function listenerHandleOf(server: Server): ListenerHandle | undefined {
  const handle = (server as unknown as ServerInternals)._handle;
  return typeof handle?.onconnection === 'function' ? (handle as ListenerHandle) : undefined;
}

/** Gives a connection to a server as if it had accepted it, the way Node's cluster module does; one that is closing closes it. */
export function giveConnection(server: Server, connection: RawHandle): void {
  const listener = listenerHandleOf(server);
  if (listener) listener.onconnection(0, connection);
  else connection.close();
}
