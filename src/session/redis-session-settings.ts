import { inspect } from 'node:util';
import { type RedisCallbacks, type RedisSettings, resolveRedisSettings } from '../redis';
import { SessionError } from './errors';

/** `sails.config.session`, as far as the Redis store reads it: the names are those of connect-redis for Sails. */
export interface RedisSessionConfig {
  /** What a session's key begins with. Default `sess:`, behind the namespace's key prefix where a namespace is set. */
  prefix?: unknown;
  /** How long a session lives whose cookie ends with the browser, in seconds. Default a day. */
  ttl?: unknown;
  /** A client of ioredis that the app has made itself and closes itself. */
  client?: unknown;
  /** Where Redis is, for sessions only: an address, or its parts. */
  url?: unknown;
  host?: unknown;
  port?: unknown;
  pass?: unknown;
  db?: unknown;
  /** Run once when an outage begins, and once when it is over. */
  onRedisDisconnect?: unknown;
  onRedisReconnect?: unknown;
  /** Refused: saves are merged in JSON. */
  serializer?: unknown;
  /** Has no effect: every session expires. */
  disableTTL?: unknown;
  saveUninitialized?: unknown;
}

const DEFAULT_PREFIX = 'sess:';
const DEFAULT_TTL_SECONDS = 86_400;

/**
 * Redis for sessions only, where `sails.config.session` says where it is.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function ownRedisOf(config: RedisSessionConfig): RedisSettings | undefined {
  const { url, host, port, pass, db } = config;
  if (!url && !host && !port) return undefined;
  const parts = url ? { url } : { host: host ?? '127.0.0.1', port: port ?? 6379 };
  const code = {
    ...parts,
    ...(pass ? { password: pass } : {}),
    ...(db !== undefined && db !== null && db !== '' ? { db } : {}),
  };
  return resolveRedisSettings({ code, codeName: 'sails.config.session' });
}

/**
 * What the keys begin with: the app's own prefix; else that of connect-redis, so that sessions survive the move; behind the
 * key prefix of the namespace where one is set, so that releases on one Redis do not share sessions.
 * @throws SessionError `E_SESSION_SETTING`
 */
export function keyPrefixOf({ prefix }: RedisSessionConfig, redis: RedisSettings | undefined): string {
  if (prefix !== undefined && prefix !== null) {
    if (typeof prefix === 'string') return prefix;
    throw invalid('prefix', prefix, 'Give a text such as "sess:".');
  }
  if (redis === undefined || redis.keyPrefix === 'flotilla:') return DEFAULT_PREFIX;
  return `${redis.keyPrefix}${DEFAULT_PREFIX}`;
}

/** @throws SessionError `E_SESSION_SETTING` */
export function defaultTtlMsOf({ ttl }: RedisSessionConfig): number {
  if (ttl === undefined || ttl === null) return DEFAULT_TTL_SECONDS * 1000;
  const seconds = Number(ttl);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  throw invalid('ttl', ttl, 'Give a number of seconds, e.g. 86400.');
}

/** @throws SessionError `E_SESSION_SETTING` */
export function sessionCallbacksOf(config: RedisSessionConfig): RedisCallbacks {
  const read = (name: 'onRedisDisconnect' | 'onRedisReconnect'): (() => void) | undefined => {
    const value = config[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'function') return () => void value();
    throw invalid(name, value, 'Give a function without arguments.');
  };
  return { onRedisDisconnect: read('onRedisDisconnect'), onRedisReconnect: read('onRedisReconnect') };
}

/** @throws SessionError `E_SESSION_SETTING` */
export function refuseSerializer({ serializer }: RedisSessionConfig): void {
  if (serializer === undefined || serializer === null || serializer === JSON) return;
  throw invalid(
    'serializer',
    serializer,
    'Remove it: sessions are stored as JSON, in which saves of several requests are merged.',
  );
}

function invalid(name: string, value: unknown, cure: string): SessionError {
  return new SessionError(
    'E_SESSION_SETTING',
    `sails.config.session.${name} is ${inspect(value, { depth: 0 })}: this cannot be used. ${cure}`,
  );
}
