import type { SailsApp, VirtualRequest } from '../../types/sails';
import type { ConnectedSocket } from '../connection/connected-socket';
import { wantsNoSession } from '../session/socket-sessions';
import type { RequestMessage } from './message';

/** Builds what core's router takes: the same fields that sails-hook-sockets gives it. */
export function buildRequest(
  app: SailsApp,
  connected: ConnectedSocket,
  method: string,
  message: RequestMessage,
): VirtualRequest {
  const { socket, address } = connected;
  return {
    transport: 'socket.io',
    protocol: 'ws',
    isSocket: true,
    ip: address.ip,
    ips: [...address.ips],
    port: null,
    socket,
    url: message.url,
    path: message.path,
    method,
    body: message.body,
    headers: headersOf(app, connected, message),
  };
}

/** The message's own headers, except for those that only the handshake may set. */
function headersOf(app: SailsApp, { socket }: ConnectedSocket, message: RequestMessage): Record<string, unknown> {
  const { cookie, origin } = socket.handshake.headers;
  const fixed = { host: app.config.host, cookie, nosession: wantsNoSession(socket.request) || undefined };
  const headers: Record<string, unknown> = { ...message.headers };
  for (const [name, value] of Object.entries(fixed)) if (value !== undefined) headers[name] = value;
  headers.origin = origin;
  return headers;
}
