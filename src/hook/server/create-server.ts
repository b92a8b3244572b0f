import { Server, type ServerOptions } from 'socket.io';
import type { SailsHttpHook } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import type { AdapterConstructor } from '../settings/sockets-settings';
import { makeAllowRequest } from './allow-request';
import { CORS_FOR_BEFORE_CONNECT, corsForOrigins } from './origin-check';
import { useOwnedIds } from './socket-ids';

/** Attaches a Socket.IO server to the app's HTTP server. `allowEIO3` is on for sails.io.js, which bundles a 2.x client. */
export function createServer(runtime: HookRuntime, http: SailsHttpHook, adapter?: AdapterConstructor): Server {
  const { sockets } = runtime.app.config;
  const options: Partial<ServerOptions> = {
    allowEIO3: true,
    path: sockets.path,
    serveClient: sockets.serveClient,
    transports: sockets.transports as ServerOptions['transports'],
    allowUpgrades: sockets.allowUpgrades,
    allowRequest: makeAllowRequest(runtime),
  };
  if (sockets.pingTimeout) options.pingTimeout = sockets.pingTimeout;
  if (sockets.pingInterval) options.pingInterval = sockets.pingInterval;
  if (sockets.maxHttpBufferSize) options.maxHttpBufferSize = sockets.maxHttpBufferSize;
  if (sockets.cookie) options.cookie = cookieOptions(sockets.cookie);
  if (sockets.onlyAllowOrigins) options.cors = corsForOrigins(runtime.app, sockets.onlyAllowOrigins);
  else if (sockets.beforeConnect) options.cors = CORS_FOR_BEFORE_CONNECT;
  if (adapter) options.adapter = adapter;
  const io = new Server(http.server, options);
  useOwnedIds(io, runtime.identity, runtime.app.log);
  return io;
}

/** Socket.IO 4 wants an object; earlier versions took the cookie's name. */
function cookieOptions(cookie: true | string | Record<string, unknown>): ServerOptions['cookie'] {
  if (cookie === true) return true;
  if (typeof cookie === 'string') return { name: cookie };
  return cookie as unknown as ServerOptions['cookie'];
}
