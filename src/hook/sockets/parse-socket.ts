import type { Socket } from 'socket.io';

/**
 * The socket behind a socket or a virtual request, else `undefined`: an HTTP request's `socket` is a TCP connection,
 * which has rooms for nobody.
 */
export function parseSocket(socketOrRequest: unknown): Socket | undefined {
  if (looksLikeSocket(socketOrRequest)) return socketOrRequest;
  const inner = (socketOrRequest as { socket?: unknown } | null | undefined)?.socket;
  return looksLikeSocket(inner) ? inner : undefined;
}

function looksLikeSocket(value: unknown): value is Socket {
  if (typeof value !== 'object' || value === null) return false;
  const { emit, join } = value as { emit?: unknown; join?: unknown };
  return typeof emit === 'function' && typeof join === 'function';
}
