import { createRedisClients, type RedisClient, type RedisClients, type RedisLog, type RedisSettings } from '../redis';
import { checkClient, checkConnectRedis } from './connect-redis-pair';
import { SessionError } from './errors';
import { redisSessionBackend } from './redis-session-backend';
import {
  defaultTtlMsOf,
  keyPrefixOf,
  ownRedisOf,
  type RedisSessionConfig,
  refuseSerializer,
  sessionCallbacksOf,
} from './redis-session-settings';
import {
  createSessionAdapter,
  DEFAULT_SESSION_STORE_SETTINGS,
  type SessionAdapter,
  type SessionStoreSettings,
} from './session-adapter';

/** What is needed for sessions in Redis. */
export interface RedisSessionsOptions extends SessionStoreSettings {
  /** `sails.config.session` */
  config: RedisSessionConfig;
  /** The app's Redis; what `config` says of a Redis for sessions only goes first. */
  redis?: RedisSettings;
  /** What the connection is called in `CLIENT LIST`: `flotilla:<owner>:session`. Default the process id. */
  owner?: string;
  log?: RedisLog;
}

/** Sessions in Redis, over one connection. */
export interface RedisSessions {
  adapter: SessionAdapter;
  /** Which Redis, for people; no secret is in it. */
  where: string;
  /** Closes the connection, unless it is one of the app's own. */
  close(): Promise<void>;
}

/**
 * Opens sessions in Redis. The connection makes itself, for as long as it takes.
 * @throws SessionError `E_SESSION_CLIENT`, `E_SESSION_SETTING`
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function openRedisSessions(options: RedisSessionsOptions): RedisSessions {
  const { config, log } = options;
  checkConnectRedis();
  refuseSerializer(config);
  if (config.disableTTL) log?.warn('sails.config.session.disableTTL has no effect: every session expires.');
  const { onRedisDisconnect, onRedisReconnect } = sessionCallbacksOf(config);
  const redis = config.client ? undefined : (ownRedisOf(config) ?? options.redis);
  const prefix = keyPrefixOf(config, options.redis);
  const defaultTtlMs = defaultTtlMsOf(config);

  let client: RedisClient;
  let clients: RedisClients | undefined;
  if (config.client) {
    checkClient(config.client);
    client = config.client as RedisClient;
  } else if (redis) {
    clients = createRedisClients(redis, {
      ...(log ? { log } : {}),
      ...(options.owner === undefined ? {} : { owner: options.owner }),
      ...(onRedisDisconnect ? { onDown: onRedisDisconnect } : {}),
      ...(onRedisReconnect ? { onUp: onRedisReconnect } : {}),
    });
    client = clients.commands('session');
  } else {
    throw new SessionError(
      'E_SESSION_SETTING',
      'Sessions are to be kept in Redis, and nothing says where Redis is: set FLOTILLA_REDIS_URL, sails.config.flotilla.redis, or url in config/session.js.',
    );
  }
  const { timeoutMs = DEFAULT_SESSION_STORE_SETTINGS.timeoutMs } = options;
  const backend = redisSessionBackend({
    client,
    prefix,
    defaultTtlMs,
    onCorrupt: corruptReporter(log),
    // A client of a cluster refuses commands while it is not connected, where others let them wait a moment.
    ...(clients && redis?.mode === 'cluster' ? { connected: connectedWithin(client, clients, timeoutMs) } : {}),
  });
  // Who sets saveUninitialized wants empty sessions kept like others.
  const emptyTtlMs = config.saveUninitialized === true ? { emptyTtlMs: Number.POSITIVE_INFINITY } : {};
  return {
    adapter: createSessionAdapter(backend, { ...options, ...emptyTtlMs }),
    where: redis ? String(redis) : 'the client in sails.config.session.client',
    close: async () => clients?.close(),
  };
}

/** Lets an operation wait for the connection, and no longer than its caller waits: it must not run after that. */
function connectedWithin(client: RedisClient, clients: RedisClients, timeoutMs: number): () => Promise<void> {
  return async () => {
    if (client.status === 'ready' && clients.state !== 'connecting') return;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      const refuse = () => reject(clients.trouble ?? new Error('Redis is not connected'));
      timer = setTimeout(refuse, timeoutMs);
    });
    try {
      await Promise.race([clients.ready(), limit]);
    } finally {
      clearTimeout(timer);
    }
  };
}

const REMIND_MS = 60_000;

function corruptReporter(log: RedisLog | undefined): (key: string) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return (key) => {
    if (Date.now() - reportedAt < REMIND_MS) return;
    reportedAt = Date.now();
    // The key holds the session's id, which is a secret.
    const shown = `${key.slice(0, -24)}…`;
    log?.warn(
      `A stored session is no JSON object and counts as none (key ${shown}): another program writes keys of this prefix, or a store with a serializer did.`,
    );
  };
}
