import { Redis } from 'ioredis';
import { redisOptions } from './client-options';
import { explainTrouble, hideSecrets } from './connection-trouble';
import { RedisConnectionError } from './errors';
import type { RedisSettings } from './settings';

/** What a server says about itself. Fields are `undefined` where the user may not ask (INFO). */
export interface RedisServer {
  /** E.g. `redis` or `valkey`. */
  product: string;
  /** The version of Redis that it is compatible with. */
  version: string | undefined;
  mode: string | undefined;
  role: string | undefined;
  /** Whether it has SPUBLISH and SSUBSCRIBE (Redis 7). */
  shardedPubSub: boolean | undefined;
  /** What it does with full memory: `maxmemory-policy`. */
  evictionPolicy: string | undefined;
  /** `maxmemory` in bytes; 0 means no limit. */
  maxMemoryBytes: number | undefined;
}

/**
 * Connects once, over a connection of its own, and asks whether this is a server that can serve.
 * @param timeoutMs default 5000
 * @throws RedisConnectionError `E_REDIS_UNREACHABLE`, `E_REDIS_CERTIFICATE`, `E_REDIS_TLS`, `E_REDIS_AUTH` or `E_REDIS_SERVER`
 */
export async function checkRedis(settings: RedisSettings, timeoutMs = 5000): Promise<RedisServer> {
  const document = settings.toDocument();
  const attempts = document.mode === 'cluster' ? document.nodes.length : 1;
  // A Sentinel, asked as if it were a server, refuses SELECT; the database matters to nobody here.
  const client = new Redis({
    ...redisOptions({ ...document, db: 0 }, 'publisher', 'flotilla:check'),
    connectTimeout: Math.min(document.connectTimeoutMs, timeoutMs),
    retryStrategy: (attempt) => (attempt < attempts ? 0 : null),
  });
  let trouble: unknown;
  client.on('error', (error) => {
    hideSecrets(error);
    trouble = error;
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    });
    const ready = new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.once('end', () => reject(trouble ?? new Error('closed before it was ready')));
    });
    client.connect().catch(() => undefined);
    await Promise.race([ready, timeout]);
    const server = await Promise.race([readServer(client), timeout]);
    const problem = judge(server, settings);
    if (problem) throw problem;
    if (document.mode === 'cluster') await Promise.race([checkSlots(client, settings), timeout]);
    return server;
  } catch (error) {
    hideSecrets(error);
    throw error instanceof RedisConnectionError ? error : explainTrouble(error, settings);
  } finally {
    clearTimeout(timer);
    client.disconnect();
  }
}

async function readServer(client: Redis): Promise<RedisServer> {
  let text: string;
  try {
    text = await client.info();
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) {
      return {
        product: 'redis',
        version: undefined,
        mode: undefined,
        role: undefined,
        shardedPubSub: undefined,
        evictionPolicy: undefined,
        maxMemoryBytes: undefined,
      };
    }
    throw error;
  }
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1];
  const version = field('redis_version');
  const maxMemory = field('maxmemory');
  const major = Number.parseInt(version ?? '', 10);
  return {
    product: field('server_name') ?? 'redis',
    version,
    mode: field('redis_mode') ?? field('server_mode'),
    role: field('role'),
    shardedPubSub: Number.isNaN(major) ? undefined : major >= 7,
    evictionPolicy: field('maxmemory_policy'),
    maxMemoryBytes: maxMemory === undefined ? undefined : Number(maxMemory),
  };
}

function judge(server: RedisServer, settings: RedisSettings): RedisConnectionError | undefined {
  const refuse = (problem: string): RedisConnectionError =>
    new RedisConnectionError('E_REDIS_SERVER', `Redis at ${settings} (${settings.source}) ${problem}`);
  if (server.mode === 'sentinel') {
    return refuse('is a Sentinel. Write redis+sentinel://host:26379/master-name (sentinels and name).');
  }
  if (server.mode === 'cluster' && settings.mode !== 'cluster') {
    return refuse('is a node of a Redis Cluster. Write redis+cluster://host:6379,… (cluster: [nodes]).');
  }
  if (server.mode === 'standalone' && settings.mode === 'cluster') {
    return refuse('is no Redis Cluster. Write redis://host:6379 (host and port) for a single server.');
  }
  if (server.role === 'slave' && settings.mode === 'single') {
    return refuse(
      'is a replica, which takes no writes. Give the address of the master, or the Sentinels that know it.',
    );
  }
  return undefined;
}

async function checkSlots(client: Redis, settings: RedisSettings): Promise<void> {
  const info = String(await client.cluster('INFO'));
  if (!/^cluster_state:ok/m.test(info)) {
    throw new RedisConnectionError(
      'E_REDIS_SERVER',
      `The Redis Cluster at ${settings} (${settings.source}) is not in order (cluster_state is not ok): some slots have no node. "redis-cli --cluster check" says which.`,
    );
  }
}
