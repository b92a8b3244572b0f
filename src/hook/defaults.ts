import { DEFAULT_FLOTILLA_SETTINGS } from './settings/flotilla-settings';

/**
 * Defaults of `sails.config.sockets` and `sails.config.flotilla`. Made anew for each app: Sails merges the app's
 * configuration into them. The values are those of sails-hook-sockets 3.0.2.
 */
export function makeDefaults() {
  return {
    sockets: {
      adapterOptions: {},
      adminAdapterOptions: {},
      sendResponseHeaders: true,
      sendStatusCode: true,
      grant3rdPartyCookie: true,
      path: '/socket.io',
      serveClient: false,
      pingTimeout: 60_000,
      pingInterval: 25_000,
      maxHttpBufferSize: 10e7,
      transports: ['websocket'],
      allowUpgrades: true,
      cookie: false,
    },
    flotilla: { ...DEFAULT_FLOTILLA_SETTINGS },
  };
}
