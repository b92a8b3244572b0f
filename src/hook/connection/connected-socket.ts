import type { Socket } from 'socket.io';
import { RequestPlaces } from '../limits/request-places';
import type { SocketFacts } from '../requests/socket-facts';

/** A connected socket; what its requests need is made with the first of them. */
export class ConnectedSocket {
  /** Its requests that are not answered yet. */
  openRequests = 0;
  #places: RequestPlaces | undefined;
  #facts: SocketFacts | undefined;

  constructor(
    readonly socket: Socket,
    private readonly findFacts: (socket: Socket) => SocketFacts,
  ) {}

  get places(): RequestPlaces {
    this.#places ??= new RequestPlaces();
    return this.#places;
  }

  get facts(): SocketFacts {
    this.#facts ??= this.findFacts(this.socket);
    return this.#facts;
  }
}
