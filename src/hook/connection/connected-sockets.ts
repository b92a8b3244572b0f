import type { Socket } from 'socket.io';
import { MostlyOne } from '../mostly-one';
import type { ConnectedSocket } from './connected-socket';

/** The connected sockets of this process by the connection that carries them: one, or one for each namespace. */
export class ConnectedSockets {
  readonly #byConnection = new MostlyOne<object, ConnectedSocket>(new WeakMap());

  add(connected: ConnectedSocket): void {
    this.#byConnection.add(connected.socket.conn, connected);
  }

  remove(connected: ConnectedSocket): void {
    this.#byConnection.delete(connected.socket.conn, connected);
  }

  find(socket: Socket): ConnectedSocket | undefined {
    return this.of(socket.conn).find((connected) => connected.socket === socket);
  }

  of(connection: object): readonly ConnectedSocket[] {
    return this.#byConnection.of(connection);
  }

  /** Whether a request that came over this connection is not answered yet. */
  isBusy(connection: object): boolean {
    return this.of(connection).some(({ openRequests }) => openRequests > 0);
  }
}
