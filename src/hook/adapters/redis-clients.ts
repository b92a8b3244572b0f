import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Redis, type RedisOptions } from 'ioredis';
import { HookError } from '../errors';
import type { HookRuntime } from '../runtime';
import type { AdapterOptions, ForeignRedisClient } from '../settings/sockets-settings';

const CONNECT_TIMEOUT_MS = 10_000;
const RETRY_MAX_MS = 2_000;

/** Makes the publishing and the subscribing client for an adapter, where the app has given none. */
export async function addRedisClients(
  runtime: HookRuntime,
  options: AdapterOptions,
  outage: RedisOutage,
  purpose: string,
): Promise<void> {
  const wanted = (['pubClient', 'subClient'] as const).filter((name) => !options[name]);
  await Promise.all(
    wanted.map(async (name) => {
      options[name] = (await connect(
        runtime,
        options,
        outage,
        `${purpose} (${name})`,
      )) as unknown as ForeignRedisClient;
    }),
  );
}

async function connect(
  runtime: HookRuntime,
  options: AdapterOptions,
  outage: RedisOutage,
  purpose: string,
): Promise<Redis> {
  const { log } = runtime.app;
  let connectedOnce = false;
  const client = new Redis({
    ...redisOptions(options),
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Before the first success a failure stops the lift; after it the client never gives up.
    retryStrategy: (attempt) => (connectedOnce ? Math.min(attempt * 100, RETRY_MAX_MS) : null),
  });
  runtime.cleanups.push(() => client.disconnect());
  const reasons: unknown[] = [];
  client.on('error', (error) => {
    if (!connectedOnce) reasons.push(error);
    log.verbose(`The Redis client of ${purpose} reported an error:`, error);
  });
  try {
    await client.connect();
    // A client that may not select its database would go on with database 0.
    if (options.db) await client.select(options.db);
  } catch (error) {
    client.disconnect();
    throw connectionError([...reasons, error], purpose);
  }
  connectedOnce = true;
  client.on('close', () => outage.down(client, purpose));
  client.on('ready', () => outage.up(client, purpose));
  return client;
}

function redisOptions(options: AdapterOptions): RedisOptions {
  const { host, port, socket, user, pass, db, url, tls } = options;
  return {
    ...(socket ? { path: socket } : { host: host ?? '127.0.0.1', port: Number(port) || 6379 }),
    ...(url?.startsWith('rediss:') || tls ? { tls: tlsOptions(host, tls) } : {}),
    ...(user ? { username: user } : {}),
    ...(pass ? { password: pass } : {}),
    ...(db ? { db } : {}),
  };
}

/** A server name is for names only: TLS knows none for addresses. */
function tlsOptions(host: string | undefined, given: unknown): ConnectionOptions {
  const servername = host && !isIP(host) ? { servername: host } : {};
  return { ...servername, ...(typeof given === 'object' ? given : {}) };
}

/** Redis says no in several ways, and a refused client fails at what it sends next, too. The codes are those of sails-hook-sockets. */
function connectionError(causes: unknown[], purpose: string): HookError {
  const says = (pattern: RegExp) => causes.find((cause) => pattern.test(String(cause)));
  const badPassword = says(/WRONGPASS|invalid password/i);
  if (badPassword) {
    const message = 'The Redis server refused the password (`sails.config.sockets.pass`): give the right one.';
    return new HookError('ERR_BAD_PASSWORD', message, { cause: badPassword });
  }
  const noPassword = says(/NOAUTH/i);
  if (noPassword) {
    const message = 'The Redis server wants a password and there is none: set `sails.config.sockets.pass`.';
    return new HookError('ERR_NO_PASSWORD', message, { cause: noPassword });
  }
  const badDb = says(/DB index is out of range/i);
  if (badDb) {
    const message = 'The Redis server has no database of that number: correct `sails.config.sockets.db`.';
    return new HookError('E_INVALID_DB_INDEX', message, { cause: badDb });
  }
  const [cause] = causes;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `Redis can not be reached for ${purpose}: ${reason}. Check \`sails.config.sockets.url\`, or host and port.`;
  return new HookError('E_REDIS_CONNECTION_FAILED', message, { cause });
}

/** Tells the app of an outage once, however many clients it hits, and once when all of them are back. */
export class RedisOutage {
  readonly #down = new Set<Redis>();

  constructor(
    private readonly runtime: HookRuntime,
    private readonly options: AdapterOptions,
  ) {}

  down(client: Redis, purpose: string): void {
    if (this.runtime.lowering) return;
    const begins = this.#down.size === 0;
    this.#down.add(client);
    if (!begins) return;
    this.runtime.app.log.error(`Redis went away (client of ${purpose}).`);
    this.#tell(this.options.onRedisDisconnect);
  }

  up(client: Redis, purpose: string): void {
    if (!this.#down.delete(client) || this.#down.size > 0) return;
    this.runtime.app.log.error(`Redis is back (client of ${purpose}).`);
    this.#tell(this.options.onRedisReconnect);
  }

  #tell(listener: (() => void) | undefined): void {
    if (typeof listener !== 'function') return;
    try {
      listener();
    } catch (error) {
      this.runtime.app.log.error('`onRedisDisconnect` or `onRedisReconnect` failed:', error);
    }
  }
}
