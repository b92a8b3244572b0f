import type { Socket } from 'socket.io';
import { RequestPlaces } from '../limits/request-places';
import { receiveRequest } from '../requests/receive-request';
import type { HookRuntime } from '../runtime';
import { loadHandshakeSession } from '../session/handshake-session';
import { runAfterDisconnect } from './after-disconnect';
import { clientAddress, type PeerAddresses } from './client-address';
import type { ConnectedSocket } from './connected-socket';
import { readSdkMetadata, speaksVirtualRequests } from './sdk-metadata';

/** The events that are virtual requests, by HTTP method. */
const REQUEST_EVENTS = ['get', 'post', 'put', 'patch', 'delete', 'options', 'head'];

/** Makes the listener for new sockets. */
export function makeOnConnection(runtime: HookRuntime, peers: PeerAddresses): (socket: Socket) => void {
  return (socket) => {
    const sdk = readSdkMetadata(socket.handshake);
    const connected: ConnectedSocket = {
      socket,
      address: clientAddress(socket, peers.of(socket), runtime.app.hooks.http),
      sdkVersion: sdk.version,
      speaksVirtualRequests: speaksVirtualRequests(sdk.version),
      openRequests: 0,
      places: new RequestPlaces(),
    };
    runtime.connections.add(connected);
    runtime.sessions.add(socket);
    socket.on('disconnect', () => {
      runtime.requests.end(connected.openRequests);
      connected.openRequests = 0;
      runtime.farewells.add(runAfterDisconnect(runtime, socket));
    });
    for (const event of REQUEST_EVENTS) {
      socket.on(event, (...args: unknown[]) => receiveRequest(runtime, connected, event, args));
    }
    runOnConnect(runtime, socket);
  };
}

/** Runs the deprecated `onConnect`. */
function runOnConnect(runtime: HookRuntime, socket: Socket): void {
  const { app } = runtime;
  const { onConnect } = app.config.sockets;
  if (!onConnect) return;
  loadHandshakeSession(runtime, socket)
    .catch((error) => {
      app.log.warn('A socket connected and its session could not be loaded: `onConnect` gets an empty one.', error);
      return { session: {} };
    })
    .then(({ session }) => onConnect(session, socket))
    .catch((error) => app.log.error('Error in `sails.config.sockets.onConnect`:', error));
}
