import { inspect } from 'node:util';
import type { SailsApp } from '../../types/sails';
import { SocketsConfigError } from '../errors';

/** Settings that belong to the adapter but may stand beside it. */
const MOVED_TO_ADAPTER_OPTIONS = [
  'host',
  'port',
  'pass',
  'db',
  'pubClient',
  'subClient',
  'subEvent',
  'socket',
  'key',
  'url',
  'onRedisDisconnect',
  'onRedisReconnect',
];

/** The adapter packages for which sails-hook-sockets makes Redis clients and runs its admin bus. */
export const REDIS_ADAPTER_PACKAGES = ['socket.io-redis', '@sailshq/socket.io-redis'];

/** Gathers the settings of a third-party adapter in `adapterOptions` and `adminAdapterOptions`. */
export function normalizeAdapterSettings(app: SailsApp): void {
  const { sockets } = app.config;
  if (sockets.adapter === 'memory') sockets.adapter = null;
  if (sockets.adapter === 'redis') {
    sockets.adapter = 'socket.io-redis';
    app.log.debug(
      '`sails.config.sockets.adapter: "redis"` is deprecated: name the package, e.g. "@sailshq/socket.io-redis", and install it.',
    );
  }
  const options = sockets.adapterOptions;
  for (const name of MOVED_TO_ADAPTER_OPTIONS) {
    if (sockets[name]) options[name] = sockets[name];
  }
  if (sockets.adminPubClient) sockets.adminAdapterOptions.pubClient = sockets.adminPubClient;
  if (sockets.adminSubClient) sockets.adminAdapterOptions.subClient = sockets.adminSubClient;
  if (options.url) readUrl(app, options.url);
  if (options.db) assertDbIndex(options.db);
}

/** The parts of a Redis URL win over the settings beside it. */
function readUrl(app: SailsApp, text: string): void {
  const options = app.config.sockets.adapterOptions;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text may hold a password: it is not repeated.
    app.log.warn('`sails.config.sockets.url` is not a URL and is ignored. Give e.g. "redis://:password@host:6379/0".');
    delete options.url;
    return;
  }
  options.host = url.hostname;
  options.port = Number(url.port) || 6379;
  const path = url.pathname.replace('/', '');
  if (path === '') delete options.db;
  else options.db = /^\d+$/.test(path) ? Number(path) : (path as unknown as number);
  if (url.username) options.user = decodeURIComponent(url.username);
  if (url.password) options.pass = decodeURIComponent(url.password);
}

function assertDbIndex(db: unknown): void {
  if (Number.isInteger(db) && (db as number) >= 0) return;
  throw new SocketsConfigError(
    `\`sails.config.sockets.db\` is invalid: got ${inspect(db)}. Give the number of a Redis database, 0 or more.`,
  );
}
