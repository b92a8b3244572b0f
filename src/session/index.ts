import { consoleLog } from '../bus/console-log';
import { resolveRedisSettings } from '../redis';
import type { RedisSessionConfig } from './redis-session-settings';
import { openRedisSessions } from './redis-sessions';
import type { ExpressSession, SessionStore } from './session-adapter';

/** A store that was made without the hook, and has to be closed by whoever made it. */
type ClosableStore = SessionStore & { close(): Promise<void> };

/**
 * The session adapter by name: `adapter: 'sails-hook-flotilla/session'` in `config/session.js`.
 *
 * With the hook in the app, the hook puts its own store in the place of the name before anything is made of it. This here
 * is for apps without it: sessions in Redis, in the place that `config/session.js` or `FLOTILLA_REDIS_URL` says.
 */
function sessionAdapter(expressSession: ExpressSession): new (config?: RedisSessionConfig) => ClosableStore {
  // A constructor that answers with another object: the class depends on the configuration that only it gets.
  return function SessionStoreByName(config: RedisSessionConfig = {}): ClosableStore {
    const redis = resolveRedisSettings();
    const sessions = openRedisSessions({ config, log: consoleLog, ...(redis ? { redis } : {}) });
    const store = new (sessions.adapter(expressSession))();
    return Object.assign(store, { close: () => sessions.close() });
  } as unknown as new (
    config?: RedisSessionConfig,
  ) => ClosableStore;
}

export = sessionAdapter;
