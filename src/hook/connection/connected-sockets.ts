import type { ConnectedSocket } from './connected-socket';

/** The connected sockets of this process by the connection that carries them: one, or one for each namespace. */
export class ConnectedSockets {
  readonly #byConnection = new WeakMap<object, Set<ConnectedSocket>>();

  add(connected: ConnectedSocket): void {
    const { conn } = connected.socket;
    const sockets = this.#byConnection.get(conn) ?? new Set();
    this.#byConnection.set(conn, sockets.add(connected));
    connected.socket.once('disconnect', () => sockets.delete(connected));
  }

  of(connection: object): ReadonlySet<ConnectedSocket> {
    return this.#byConnection.get(connection) ?? new Set();
  }

  /** Whether a request that came over this connection is not answered yet. */
  isBusy(connection: object): boolean {
    for (const { openRequests } of this.of(connection)) if (openRequests > 0) return true;
    return false;
  }
}
