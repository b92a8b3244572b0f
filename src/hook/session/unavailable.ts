import type { IncomingMessage, ServerResponse } from 'node:http';
import { refuseHandshakeForNow } from '../server/refuse-handshake';

/** What a client gets where its session can't be read or saved. */
export const UNAVAILABLE = {
  code: 'E_SESSION_UNAVAILABLE',
  message: 'Sessions are not available at the moment: try again.',
};

/** Answers an HTTP request with 503. */
export function refuseHttp(response: Pick<ServerResponse, 'writeHead' | 'end'>): void {
  const body = JSON.stringify(UNAVAILABLE);
  response.writeHead(503, { 'Content-Type': 'application/json', 'Retry-After': '1' });
  response.end(body);
}

/** Answers a handshake with 503, so that the client tries again later; then calls back. */
export function refuseHandshake(request: IncomingMessage, done: () => void): void {
  refuseHandshakeForNow(request, UNAVAILABLE, 1, done);
}
