import type { Socket } from 'socket.io';
import type { RequestPlaces } from '../limits/request-places';
import type { SocketFacts } from '../requests/socket-facts';
import type { ClientAddress } from './client-address';

/** A connected socket and what is worked out once for all of its requests. */
export interface ConnectedSocket {
  socket: Socket;
  address: ClientAddress;
  sdkVersion: string;
  speaksVirtualRequests: boolean;
  /** Its requests that are not answered yet. */
  openRequests: number;
  places: RequestPlaces;
  /** Made with its first request. */
  facts?: SocketFacts;
}
