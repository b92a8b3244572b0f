import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SessionError } from './errors';

const CURE =
  'connect-redis 8 (8.1.0 is tried) works with ioredis 5; connect-redis 9 and later work with the package redis 5 only.';

/**
 * Checks that the connect-redis that this package gets is one that takes ioredis clients: with 9 and later every save
 * fails.
 * @param resolve finds a package's main file; default from here
 * @throws SessionError `E_SESSION_CLIENT`
 */
export function checkConnectRedis(resolve: (name: string) => string = require.resolve): void {
  const version = versionOf(resolve('connect-redis'));
  if (version === undefined || majorOf(version) === 8) return;
  throw new SessionError(
    'E_SESSION_CLIENT',
    `sails-hook-flotilla got connect-redis ${version}, which does not work with ioredis: ${CURE} ` +
      'Look for connect-redis under "overrides" (or "resolutions") in package.json, and install again.',
  );
}

/**
 * Checks the store that an app has brought itself: one of connect-redis 9 or later on an ioredis client fails on every save.
 * @throws SessionError `E_SESSION_CLIENT`
 */
export function checkForeignStore(store: unknown): void {
  const { client, getTTL, _getTTL } = (store ?? {}) as { client?: unknown; getTTL?: unknown; _getTTL?: unknown };
  const isNineOrLater = typeof getTTL === 'function' && _getTTL === undefined;
  if (!isNineOrLater || !isIoredis(client)) return;
  throw new SessionError(
    'E_SESSION_CLIENT',
    `The session store is one of connect-redis 9 or later, and its client one of ioredis: every save would fail. ${CURE} ` +
      "Give it another client, install connect-redis 8, or remove it and set sails.config.session.adapter to 'sails-hook-flotilla/session'.",
  );
}

/**
 * Checks a client that an app gives in `sails.config.session.client`.
 * @throws SessionError `E_SESSION_CLIENT`
 */
export function checkClient(client: unknown): void {
  if (isIoredis(client)) return;
  throw new SessionError(
    'E_SESSION_CLIENT',
    `sails.config.session.client is no client of ioredis: ${CURE} Give a client of ioredis 5, or leave client out and say where Redis is (docs/redis.md).`,
  );
}

function isIoredis(client: unknown): boolean {
  const { defineCommand, evalsha } = (client ?? {}) as { defineCommand?: unknown; evalsha?: unknown };
  return typeof defineCommand === 'function' && typeof evalsha === 'function';
}

/** The version in the package.json above a file; the package's exports do not show it. */
function versionOf(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const path = join(folder, 'package.json');
    if (!existsSync(path)) continue;
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
    if (name === 'connect-redis') return version;
  }
  return undefined;
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
