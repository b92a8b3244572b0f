import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type RedisSettings, resolveRedisSettings } from '../redis';
import { LINK_NAMES, type LinkName } from './link/create-link';

/** The adapter packages that sails-hook-sockets makes Redis clients for. */
const REDIS_ADAPTER_PACKAGES = ['redis', 'socket.io-redis', '@sailshq/socket.io-redis'];

/** The parts of `sails.config` that say where Redis is. */
export interface AppConfig {
  appPath: string;
  flotilla?: { redis?: unknown; link?: unknown } | undefined;
  sockets?: Record<string, unknown> | undefined;
}

/**
 * Whether an app brings a Socket.IO adapter of its own, and so needs no fleet. An app that comes from sails-hook-sockets may
 * still name a Redis adapter after uninstalling it: then its settings say where our Redis is.
 */
export function hasOwnAdapter({ appPath, sockets = {} }: AppConfig): boolean {
  const { adapter, adapterModule } = sockets;
  if (!adapter || adapter === 'memory') return false;
  if (adapterModule || typeof adapter !== 'string' || !REDIS_ADAPTER_PACKAGES.includes(adapter)) return true;
  const packageName = adapter === 'redis' ? 'socket.io-redis' : adapter;
  return existsSync(join(appPath, 'node_modules', packageName));
}

/**
 * The Redis of an app's fleet: `sails.config.flotilla.redis`, `FLOTILLA_REDIS_URL`, or the settings of sails-hook-sockets.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function resolveAppRedis(config: AppConfig, env: NodeJS.ProcessEnv = process.env): RedisSettings | undefined {
  if (hasOwnAdapter(config)) return undefined;
  return resolveRedisSettings({ code: config.flotilla?.redis, env, sockets: config.sockets });
}

/** Whether a value names a link. */
export function isLinkName(value: unknown): value is LinkName {
  return (LINK_NAMES as readonly unknown[]).includes(value);
}
