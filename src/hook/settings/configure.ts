import { inspect } from 'node:util';
import type { SailsApp } from '../../types/sails';
import { HookError, SocketsConfigError } from '../errors';
import { normalizeAdapterSettings } from './adapter-settings';
import { validateFlotillaSettings } from './flotilla-settings';
import { assertOrigin, isLocalOrigin } from './origins';
import { validateRecoverySettings } from './recovery-settings';
import type { BeforeConnect } from './sockets-settings';

const POSITIVE_NUMBERS = ['pingTimeout', 'pingInterval', 'maxHttpBufferSize', 'maxBufferSize'];
const BOOLEANS = ['sendResponseHeaders', 'sendStatusCode', 'grant3rdPartyCookie', 'serveClient', 'allowUpgrades'];

/**
 * Validates the app's settings and brings them into the form that the rest of the hook reads, deprecated names
 * included. Throws on a bad one, so that the app does not lift.
 */
export function configure(app: SailsApp): void {
  validatePlainSettings(app);
  normalizeLifecycleFunctions(app);
  validateOrigins(app);
  validateRecoverySettings(app);
  normalizeAdapterSettings(app);
  app.config.flotilla = validateFlotillaSettings(app.config.flotilla);
}

function validatePlainSettings(app: SailsApp): void {
  const { sockets } = app.config;
  for (const name of POSITIVE_NUMBERS) {
    const value = sockets[name];
    if (!value) continue;
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw invalid(name, value, 'Give a positive number.');
  }
  for (const name of BOOLEANS) {
    const value = sockets[name];
    if (value !== undefined && value !== null && typeof value !== 'boolean')
      throw invalid(name, value, 'Give true or false.');
  }
  if (typeof sockets.path !== 'string' || !sockets.path.startsWith('/')) {
    throw invalid('path', sockets.path, 'Give a path that begins with a slash, e.g. "/socket.io".');
  }
  const { transports } = sockets;
  const known = ['websocket', 'polling'];
  if (!Array.isArray(transports) || transports.length === 0 || !transports.every((name) => known.includes(name))) {
    throw invalid('transports', transports, 'Give an array of "websocket" and "polling".');
  }
  if (sockets.maxBufferSize) {
    app.log.error('`sails.config.sockets.maxBufferSize` is deprecated: rename it to `maxHttpBufferSize`.');
    sockets.maxHttpBufferSize = sockets.maxBufferSize;
  }
}

function normalizeLifecycleFunctions(app: SailsApp): void {
  const { sockets } = app.config;
  if (typeof sockets.onConnect === 'function') {
    app.log.debug(
      '`sails.config.sockets.onConnect` is deprecated and still runs: use `beforeConnect`, or an action that the client calls.',
    );
  }
  if (typeof sockets.onDisconnect === 'function') {
    if (sockets.afterDisconnect)
      throw invalid('onDisconnect', sockets.onDisconnect, 'Remove it: `afterDisconnect` is set as well.');
    app.log.debug(
      '`sails.config.sockets.onDisconnect` is deprecated: rename it to `afterDisconnect` (session, socket, done).',
    );
    const { onDisconnect } = sockets;
    sockets.afterDisconnect = (session, socket, done) => {
      onDisconnect(session, socket);
      done();
    };
  }
  if (sockets.afterDisconnect && typeof sockets.afterDisconnect !== 'function') {
    throw invalid('afterDisconnect', sockets.afterDisconnect, 'Give a function (session, socket, done).');
  }
  if (typeof sockets.allowRequest === 'function') {
    throw invalid(
      'allowRequest',
      sockets.allowRequest,
      'Rename it to `beforeConnect`, which takes the same arguments.',
    );
  }
  if (sockets.authorization !== undefined) {
    app.log.debug('`sails.config.sockets.authorization` is deprecated: rename it to `beforeConnect`.');
    sockets.beforeConnect = sockets.authorization as BeforeConnect;
  }
  const given: unknown = sockets.beforeConnect;
  if (given === true || given === false || given === null) {
    if (given === true) app.log.debug('`sails.config.sockets.beforeConnect: true` is deprecated: leave it out.');
    delete sockets.beforeConnect;
    // The app has said that it wants no check; production asks for one only where nothing was said.
    if (process.env.NODE_ENV === 'production' && sockets.onlyAllowOrigins === undefined) {
      app.log.warn(
        `\`sails.config.sockets.beforeConnect: ${given}\` and no \`onlyAllowOrigins\`: pages of every origin may connect.`,
      );
      sockets.beforeConnect = () => true;
    }
  } else if (given !== undefined && typeof given !== 'function') {
    throw invalid('beforeConnect', given, 'Give a function (handshake, done), or leave it out.');
  }
}

function validateOrigins(app: SailsApp): void {
  const { sockets } = app.config;
  const inProduction = process.env.NODE_ENV === 'production';
  const origins: unknown = sockets.onlyAllowOrigins;
  if (origins === undefined) {
    if (inProduction && !sockets.beforeConnect) {
      throw new HookError(
        'E_ORIGINS_REQUIRED',
        'In production, `sails.config.sockets.onlyAllowOrigins` or `sails.config.sockets.beforeConnect` must be set; both are missing. ' +
          'Say whose pages may connect, e.g. in config/env/production.js: sockets: { onlyAllowOrigins: ["https://example.com"] }',
      );
    }
    return;
  }
  if (!Array.isArray(origins)) {
    throw new HookError(
      'E_INVALID_ONLY_ALLOW_ORIGINS',
      `\`sails.config.sockets.onlyAllowOrigins\` must be an array of origins, got ${inspect(origins)}. Give e.g. ["https://example.com"].`,
    );
  }
  if (sockets.beforeConnect) {
    app.log.debug(
      'Both `sails.config.sockets.beforeConnect` and `onlyAllowOrigins` are set: the list is ignored, the function decides.',
    );
    delete sockets.onlyAllowOrigins;
    return;
  }
  for (const origin of origins) assertOrigin(origin);
  if (inProduction && origins.every((origin: string) => isLocalOrigin(origin))) {
    app.log.debug(
      '`sails.config.sockets.onlyAllowOrigins` lists nothing but this machine: pages from elsewhere cannot connect.',
    );
  }
}

function invalid(name: string, value: unknown, cure: string): SocketsConfigError {
  return new SocketsConfigError(
    `\`sails.config.sockets.${name}\` is invalid: got ${inspect(value, { depth: 1 })}. ${cure}`,
  );
}
