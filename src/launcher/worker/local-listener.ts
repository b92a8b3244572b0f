import type { Server } from 'node:http';
import type { PublicAddress } from '../settings-document';

/**
 * Redirects the app server's `listen(port, host)` to a local socket of this worker: the primary owns the port. To the app
 * everything looks as if it listened itself: the callback, `listening`, `close`, and `address()`, which tells the public
 * address.
 */
export function listenLocally(server: Server, path: string, address: PublicAddress): void {
  const listen = server.listen.bind(server);
  server.listen = (...args: unknown[]) => {
    const callback = args.findLast((arg) => typeof arg === 'function') as (() => void) | undefined;
    // exclusive: else Node's cluster module would ask the primary to listen
    return listen({ path, exclusive: true }, callback);
  };
  server.address = () => {
    if (!server.listening) return null;
    const { port, address: host, family } = address;
    return typeof port === 'number' ? { port, address: host, family } : port;
  };
}
