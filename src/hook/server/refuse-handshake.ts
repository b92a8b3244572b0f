import type { IncomingMessage, ServerResponse } from 'node:http';

/** A handshake of Engine.IO: a poll has a response, an upgrade only its connection. */
type Handshake = IncomingMessage & { res?: ServerResponse };

/** Why a handshake can't be taken now. */
export interface Unavailable {
  code: string;
  message: string;
}

/**
 * Answers a handshake with 503, so that the client tries again later; then calls back. Engine.IO itself would answer with
 * 400 or 403, which tells clients and proxies that the request is wrong.
 */
export function refuseHandshakeForNow(
  request: Handshake,
  reason: Unavailable,
  retryAfterSeconds: number,
  done: () => void,
): void {
  const { res, socket, headers } = request;
  const body = JSON.stringify(reason);
  if (res && typeof res.end === 'function' && headers.upgrade === undefined) {
    res.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': String(retryAfterSeconds) });
    res.end(body);
    done();
    return;
  }
  socket.on('error', () => undefined);
  socket.end(
    [
      'HTTP/1.1 503 Service Unavailable',
      'Connection: close',
      `Retry-After: ${retryAfterSeconds}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
    done,
  );
}
