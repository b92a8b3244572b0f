import type { Socket } from 'socket.io';
import { receiveRequest } from '../requests/receive-request';
import { SocketFacts } from '../requests/socket-facts';
import type { HookRuntime } from '../runtime';
import { loadHandshakeSession } from '../session/handshake-session';
import { runAfterDisconnect } from './after-disconnect';
import { clientAddress, type PeerAddresses } from './client-address';
import { ConnectedSocket } from './connected-socket';

/** The events that are virtual requests, by HTTP method. */
const REQUEST_EVENTS = ['get', 'post', 'put', 'patch', 'delete', 'options', 'head'];

/** Makes the listener for new sockets. What they listen to is the same for all of them: an idle socket has nothing of its own. */
export function makeOnConnection(runtime: HookRuntime, peers: PeerAddresses): (socket: Socket) => void {
  const { app, connections, sessions } = runtime;
  const findFacts = (socket: Socket) =>
    new SocketFacts(app, socket, clientAddress(socket, peers.of(socket), app.hooks.http));
  const requestListeners = REQUEST_EVENTS.map((event) => {
    function receive(this: Socket, ...args: unknown[]): void {
      const connected = connections.find(this);
      if (connected) receiveRequest(runtime, connected, event, args);
    }
    return [event, receive] as const;
  });
  function end(this: Socket): void {
    const connected = connections.find(this);
    if (!connected) return;
    connections.remove(connected);
    sessions.remove(this);
    runtime.requests.end(connected.openRequests);
    connected.openRequests = 0;
    runtime.farewells.add(runAfterDisconnect(runtime, this));
  }
  return (socket) => {
    connections.add(new ConnectedSocket(socket, findFacts));
    sessions.add(socket);
    socket.on('disconnect', end);
    for (const [event, receive] of requestListeners) socket.on(event, receive);
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
