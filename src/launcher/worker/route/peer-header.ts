import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { removeHeader } from './http-head';

/**
 * Tells a worker from where a request that another worker passes on came. Believed on the local socket only; a public
 * request that carries it loses it.
 */
export const PEER_HEADER = 'x-flotilla-peer';

/** What a request's own socket would say about its client. */
export interface Peer {
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
  /** Whether the client's connection is TLS. */
  encrypted: boolean;
}

/** The peer of a public request. */
export function peerOf(socket: Socket): Peer {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  return { remoteAddress, remotePort, remoteFamily, encrypted: (socket as Partial<TLSSocket>).encrypted === true };
}

export function formatPeer(peer: Peer): string {
  return JSON.stringify(peer);
}

/** Takes the peer out of a request that came over the local socket; `undefined` where it is missing or malformed. */
export function takePeer(request: IncomingMessage): Peer | undefined {
  const text = request.headers[PEER_HEADER];
  removeHeader(request, PEER_HEADER);
  try {
    const { remoteAddress, remotePort, remoteFamily, encrypted } = JSON.parse(String(text)) as Peer;
    return { remoteAddress, remotePort, remoteFamily, encrypted };
  } catch {
    return undefined;
  }
}

/** Removes the header from a public request, whose sender nobody vouches for. */
export function dropForgedPeer(request: IncomingMessage): void {
  if (request.headers[PEER_HEADER] !== undefined) removeHeader(request, PEER_HEADER);
}

/** Makes one request show its client's address: its connection carries other clients' requests too. */
export function showPeerOnRequest(request: IncomingMessage, peer: Peer): void {
  const shown = new Map<string | symbol, unknown>(Object.entries(peer));
  request.socket = new Proxy(request.socket, {
    get: (socket, key) => (shown.has(key) ? shown.get(key) : Reflect.get(socket, key, socket)),
  });
}

/** Makes a connection that carries nothing but one client's show that client's address. */
export function showPeerOnSocket(socket: Socket, peer: Peer): void {
  for (const [key, value] of Object.entries(peer)) Object.defineProperty(socket, key, { value, configurable: true });
}
