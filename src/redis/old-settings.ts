import { describeValue, HIDDEN } from './describe';
import { RedisSettingError } from './errors';
import { isGiven as isGivenAtAll, isRecord, readText } from './given-values';
import { parseDb, parseHost, parsePort } from './scalars';
import type { RedisDraft } from './settings';
import { parseRedisUrl } from './url';

/** Values of `sails.config.sockets.adapter` that mean Redis (sails-hook-sockets 3.0.2 takes these names). */
const REDIS_ADAPTERS = new Set(['redis', 'socket.io-redis', '@sailshq/socket.io-redis']);

const SOCKETS = 'sails.config.sockets';

/** What apps set for the end and the return of Redis; each runs once per outage. */
export interface RedisCallbacks {
  onRedisDisconnect: (() => void) | undefined;
  onRedisReconnect: (() => void) | undefined;
}

/**
 * Reads the settings that sails-hook-sockets 3.0.2 takes: `url`, or `host`, `port`, `pass`, `db`, `socket`, in
 * `sails.config.sockets` or in its `adapterOptions`; `url` goes before the others, as there. They count only where
 * `adapter` names a Redis adapter of Sails. `rediss://` keeps its TLS here.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function parseOldSettings(sockets: Record<string, unknown>): { draft: RedisDraft; source: string } | undefined {
  if (typeof sockets.adapter !== 'string' || !REDIS_ADAPTERS.has(sockets.adapter)) return undefined;
  const options = isRecord(sockets.adapterOptions) ? sockets.adapterOptions : {};
  const find = (name: string): { value: unknown; setting: string } => {
    if (isGiven(sockets[name])) return { value: sockets[name], setting: `${SOCKETS}.${name}` };
    return { value: options[name], setting: `${SOCKETS}.adapterOptions.${name}` };
  };

  const draft: RedisDraft = {};
  const key = find('key');
  if (isGiven(key.value)) draft.namespace = readText(key.value, key.setting, false);
  const db = find('db');
  if (isGiven(db.value)) {
    draft.db =
      parseDb(db.value) ??
      refuse(db.setting, describeValue(db.value), 'this is no number of a database.', 'Write a whole number from 0.');
  }
  const pass = find('pass');
  if (isGiven(pass.value)) draft.password = readText(pass.value, pass.setting, true);

  const url = find('url');
  if (isGiven(url.value)) {
    return {
      draft: { ...draft, ...parseRedisUrl(readText(url.value, url.setting, true), url.setting) },
      source: url.setting,
    };
  }
  const socket = find('socket');
  if (isGiven(socket.value)) {
    return {
      draft: { ...draft, mode: 'single', nodes: [], socketPath: readText(socket.value, socket.setting, false) },
      source: socket.setting,
    };
  }
  const host = find('host');
  const port = find('port');
  const node = {
    host: isGiven(host.value)
      ? (parseHost(host.value) ??
        refuse(host.setting, HIDDEN, 'this is no host name.', 'Write the name alone; a whole address goes into url.'))
      : '127.0.0.1',
    port: isGiven(port.value)
      ? (parsePort(port.value) ??
        refuse(port.setting, describeValue(port.value), 'this is no port.', 'Write a number from 1 to 65535.'))
      : 6379,
  };
  return {
    draft: { ...draft, mode: 'single', nodes: [node] },
    source: isGiven(host.value) ? host.setting : `${SOCKETS}.adapter`,
  };
}

/**
 * Reads `onRedisDisconnect` and `onRedisReconnect` of `sails.config.sockets` (or its `adapterOptions`).
 * @throws RedisSettingError `E_REDIS_SETTING` where one is no function
 */
export function readRedisCallbacks(sockets: Record<string, unknown>): RedisCallbacks {
  const options = isRecord(sockets.adapterOptions) ? sockets.adapterOptions : {};
  const read = (name: keyof RedisCallbacks): (() => void) | undefined => {
    const value = sockets[name] ?? options[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'function') return () => void value();
    return refuse(
      `${SOCKETS}.${name}`,
      describeValue(value),
      'this is no function.',
      'Write a function without arguments.',
    );
  };
  return { onRedisDisconnect: read('onRedisDisconnect'), onRedisReconnect: read('onRedisReconnect') };
}

function refuse(setting: string, shown: string, problem: string, cure: string): never {
  throw new RedisSettingError(setting, shown, problem, cure);
}

/** To sails-hook-sockets 0 is a value left out, as for `port`. */
function isGiven(value: unknown): boolean {
  return value !== 0 && isGivenAtAll(value);
}
