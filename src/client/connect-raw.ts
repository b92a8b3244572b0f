import { type ManagerOptions, type Socket, type SocketOptions, io as socketIo } from 'socket.io-client';
import { followDrainHint } from './follow-drain-hint';
import { hideOffsets } from './hide-offsets';
import type { RequestCallback, RequestOptions, SailsSocket } from './types';

/** Tells the server that this client understands drain hints and hides offsets. */
const QUERY = { __flotilla_client: '1' };

/** Passed on to Socket.IO's client as they are. */
const OPTIONS = [
  'multiplex',
  'transports',
  'reconnection',
  'reconnectionAttempts',
  'reconnectionDelay',
  'reconnectionDelayMax',
  'randomizationFactor',
  'timeout',
  'rejectUnauthorized',
] as const;

/** Events of Socket.IO 2's sockets that are events of the manager since Socket.IO 3, by the manager's name. */
const MANAGER_EVENTS = {
  reconnect_attempt: ['reconnect_attempt', 'reconnecting'],
  reconnect: ['reconnect'],
  reconnect_error: ['reconnect_error'],
  reconnect_failed: ['reconnect_failed'],
} as const;

/** What sails.io.js keeps on its sockets for itself. */
type InnerSailsSocket = SailsSocket & {
  _isConnecting: boolean;
  requestQueue?: [RequestOptions, RequestCallback | undefined][] | null;
  extraHeaders?: Record<string, string>;
  transportOptions?: ManagerOptions['transportOptions'];
};

type Emitting = Socket & { emitReserved(event: string, ...args: unknown[]): void };

/** What sails.io.js calls to connect: makes a socket of Socket.IO 4 that behaves as one of Socket.IO 2 towards it. */
export function connectRaw(url: string | undefined, sailsSocket: SailsSocket): Socket {
  const settings = sailsSocket as InnerSailsSocket;
  // Engine.IO lets a query in the address replace all others.
  const [address, ofAddress] = (url ?? '').split('?', 2);
  const options: Partial<ManagerOptions & SocketOptions> = {
    path: settings.path ?? '/socket.io',
    query: { ...parametersOf(ofAddress), ...parametersOf(settings.query), ...QUERY },
    transportOptions: settings.transportOptions,
    extraHeaders: settings.extraHeaders,
  };
  for (const name of OPTIONS) {
    if (settings[name] !== undefined) Object.assign(options, { [name]: settings[name] });
  }
  const socket = (address ? socketIo(address, options) : socketIo(options)) as Emitting;
  bridgeEvents(socket, settings);
  hideOffsets(socket);
  followDrainHint(socket);
  socket.on('connect', () => {
    if (socket.recovered) socket.emitReserved('recovered');
  });
  return socket;
}

function parametersOf(query: string | undefined): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(query));
}

function bridgeEvents(socket: Emitting, sailsSocket: InnerSailsSocket): void {
  const { io: manager } = socket;
  for (const [event, names] of Object.entries(MANAGER_EVENTS)) {
    const listener = (...args: unknown[]) => {
      // Else sails.io.js would add one more listener to every `connect`; its queue is sent below.
      if (event === 'reconnect') sailsSocket._isConnecting = true;
      for (const name of names) socket.emitReserved(name, ...args);
    };
    manager.on(event as 'reconnect', listener);
  }
  // What Socket.IO 2 called an error is a refused connection, after which the client gives up.
  socket.on('connect_error', (error) => {
    if (!socket.active) socket.emitReserved('error', error);
  });
  let first = true;
  socket.on('connect', () => {
    sailsSocket._isConnecting = false;
    if (!first) sendQueue(sailsSocket);
    // The first time sails.io.js does so itself.
    first = false;
  });
}

/** Requests made while there was no connection. */
function sendQueue(sailsSocket: InnerSailsSocket): void {
  const queue = sailsSocket.requestQueue ?? [];
  sailsSocket.requestQueue = null;
  for (const [options, callback] of queue) sailsSocket.request(options, callback);
}
