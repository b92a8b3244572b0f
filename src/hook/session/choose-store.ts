import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasOwnAdapter, resolveAppRedis } from '../../bus/app-redis';
import { type RedisLog, type RedisSettings, resolveRedisSettings } from '../../redis';
import { createPodSessionAdapter } from '../../session/pod-session-adapter';
import { ownRedisOf, type RedisSessionConfig } from '../../session/redis-session-settings';
import { openRedisSessions } from '../../session/redis-sessions';
import type { SessionStoreSettings } from '../../session/session-adapter';
import type { HookRuntime } from '../runtime';

/** Our own store by name. */
const OWN_ADAPTER = 'sails-hook-flotilla/session';

/** Names of the Redis stores that apps used before; what is not installed any more is replaced by ours. */
const FORMER_ADAPTERS: Record<string, string> = {
  redis: 'connect-redis',
  'connect-redis': 'connect-redis',
  '@sailshq/connect-redis': '@sailshq/connect-redis',
};

/**
 * Decides where the app's sessions live: in the store that the app has configured; else in Redis, where there is one; else
 * with the hub, where several workers share one; else in core's memory store, in the process.
 * @throws SessionError where the app's settings for our store cannot be used
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function chooseSessionStore(runtime: HookRuntime, { hubIsShared }: { hubIsShared: boolean }): void {
  const { app } = runtime;
  const { session } = app.config;
  if (!session || !app.hooks.session) return;
  if (session.store) {
    // Core would put its memory store, the default adapter, in the place of a store that the app has made itself.
    if (session.adapter === 'memory') session.adapter = null;
    return;
  }
  const byName = isNamed(runtime, session.adapter);
  if (!byName && session.adapter && session.adapter !== 'memory') return;

  // With resave a request that changes nothing writes the session; our stores and core's memory store know how to touch.
  session.resave ??= false;
  const log = logOf(runtime);
  const redis = redisOf(runtime);
  if (redis || (byName && (session.client || ownRedisOf(session as RedisSessionConfig)))) {
    const sessions = openRedisSessions({
      ...storeSettings(runtime),
      config: byName ? session : withoutPlace(session),
      owner: runtime.identity.podName,
      log,
      ...(redis ? { redis } : {}),
    });
    runtime.cleanups.push(() => sessions.close());
    session.adapter = sessions.adapter;
    log.debug(`Sessions live in Redis at ${sessions.where}.`);
    return;
  }
  const { fleet } = runtime;
  if (hubIsShared && fleet) {
    session.adapter = createPodSessionAdapter((method, args) => fleet.call('session', method, args), {
      ...storeSettings(runtime),
      ...(session.saveUninitialized === true ? { emptyTtlMs: Number.POSITIVE_INFINITY } : {}),
    });
    return;
  }
  if (byName) {
    log.info('No Redis is configured: sessions live in the memory of this process.');
    session.adapter = 'memory';
  }
}

function isNamed({ app }: HookRuntime, adapter: unknown): boolean {
  if (typeof adapter !== 'string') return false;
  if (adapter === OWN_ADAPTER) return true;
  const former = FORMER_ADAPTERS[adapter];
  if (former === undefined || existsSync(join(app.config.appPath, 'node_modules', former))) return false;
  app.log.info(`The session adapter ${former} is not installed: sails-hook-flotilla takes its place and its settings.`);
  return true;
}

/** The app's Redis; beside a Socket.IO adapter of the app's own only what was set for Flotilla. */
function redisOf({ app, settings }: HookRuntime): RedisSettings | undefined {
  const { appPath } = app.config;
  const sockets = app.config.sockets as unknown as Record<string, unknown>;
  if (hasOwnAdapter({ appPath, sockets })) return resolveRedisSettings({ code: settings.redis });
  return resolveAppRedis({ appPath, sockets, flotilla: settings });
}

/** Settings of the memory store may stand beside those of a Redis that is not in use. */
function withoutPlace(session: Record<string, unknown>): Record<string, unknown> {
  const { url: _url, host: _host, port: _port, client: _client, ...rest } = session;
  return rest;
}

function storeSettings({ settings }: HookRuntime): SessionStoreSettings {
  return {
    timeoutMs: settings.sessionTimeoutMs,
    touchEveryMs: settings.sessionTouchMs,
    emptyTtlMs: settings.emptySessionMs,
  };
}

function logOf({ app }: HookRuntime): RedisLog {
  return {
    debug: (message) => app.log.verbose(message),
    info: (message) => app.log.info(message),
    warn: (message) => app.log.warn(message),
    error: (message) => app.log.error(message),
  };
}
