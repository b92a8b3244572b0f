import type { IncomingMessage } from 'node:http';
import proxyaddr from 'proxy-addr';
import type { Server, Socket } from 'socket.io';
import type { SailsHttpHook } from '../../types/sails';

/** Where a client is, as HTTP requests say it. */
export interface ClientAddress {
  ip: string;
  ips: string[];
}

type Trust = (address: string, hop: number) => boolean;

/**
 * Remembers the peer address of each new connection. It is read at once: a polling client's first request may be long
 * gone, and its TCP connection with it, when its socket appears.
 */
export class PeerAddresses {
  readonly #byConnection = new WeakMap<object, string>();

  constructor(io: Server) {
    io.engine.on('connection', (connection: { request?: IncomingMessage }) => {
      // The request's connection, not Engine.IO's record: a front door that passes connections on corrects it there.
      const address = connection.request?.socket?.remoteAddress;
      if (address) this.#byConnection.set(connection, address);
    });
  }

  of(socket: Socket): string {
    return this.#byConnection.get(socket.conn) ?? socket.handshake.address;
  }
}

/**
 * The client's address by the rule that Express applies to HTTP requests: the peer's, or what the hops that
 * `sails.config.http.trustProxy` trusts say in `X-Forwarded-For`.
 */
export function clientAddress(socket: Socket, peer: string, http: SailsHttpHook | undefined): ClientAddress {
  const trust = http?.app.get('trust proxy fn') as Trust | undefined;
  const trusted: Trust = typeof trust === 'function' ? trust : () => false;
  const request = {
    connection: { remoteAddress: peer },
    socket: { remoteAddress: peer },
    headers: socket.handshake.headers,
  } as unknown as IncomingMessage;
  const ips = proxyaddr.all(request, trusted);
  // Nearest first, the peer among them: Express lists the forwarded ones, farthest first.
  ips.reverse().pop();
  return { ip: proxyaddr(request, trusted), ips };
}
