import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { ClusterOptions, RedisOptions } from 'ioredis';
import type { RedisDocument, RedisTls } from './settings';
import { startNodeConnector } from './start-node-connector';

/**
 * What a connection is for.
 * - `commands`: keys and scripts. A command may be sent again after a lost connection, and waits a moment for Redis.
 * - `publisher`: a command is sent once or not at all, and refused at once while the connection is down.
 * - `subscriber`: as a publisher; RedisSubscriber brings the subscriptions back with the connection.
 */
export type RedisPurpose = 'commands' | 'publisher' | 'subscriber';

/** How long a closing connection may take before its socket is destroyed. A half-open one never answers. */
const DISCONNECT_TIMEOUT_MS = 500;
const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 1000;
/** How old the map of a cluster's slots may get; a moved slot is silent for a sharded subscriber until it is read again. */
const SLOTS_REFRESH_MS = 2000;

/** The pause before an attempt: doubling from 50 ms to 1 s, each with up to half of it drawn at random. There is no last attempt. */
export function retryDelayMs(attempt: number): number {
  const full = Math.min(RETRY_FIRST_MS * 2 ** Math.min(attempt, 10), RETRY_LAST_MS);
  return Math.round(full / 2 + (Math.random() * full) / 2);
}

/** Options for a connection to one server: a single one, a master named by Sentinels, or any one node of a cluster. */
export function redisOptions(document: RedisDocument, purpose: RedisPurpose, connectionName: string): RedisOptions {
  const [node] = document.nodes;
  const place: RedisOptions =
    document.socketPath !== undefined
      ? { path: document.socketPath }
      : document.mode === 'sentinel'
        ? sentinelOptions(document)
        : document.mode === 'cluster'
          ? { Connector: startNodeConnector(document.nodes, DISCONNECT_TIMEOUT_MS) }
          : { host: node?.host, port: node?.port };
  const commands = purpose === 'commands';
  return {
    ...nodeOptions(document, connectionName),
    ...place,
    db: document.db,
    lazyConnect: true,
    retryStrategy: retryDelayMs,
    // A command waits for one new attempt to connect, then fails; without an offline queue it fails with its connection.
    maxRetriesPerRequest: commands ? 1 : 0,
    enableOfflineQueue: commands,
    autoResendUnfulfilledCommands: commands,
    // ioredis gives its own resubscription no handler: one that fails would be an unhandled rejection. RedisSubscriber does it.
    autoResubscribe: false,
  };
}

/** Options for a client of a whole cluster. */
export function clusterOptions(document: RedisDocument, purpose: RedisPurpose, connectionName: string): ClusterOptions {
  return {
    redisOptions: nodeOptions(document, connectionName),
    lazyConnect: true,
    shardedSubscribers: purpose === 'subscriber',
    clusterRetryStrategy: retryDelayMs,
    // What waits in the cluster client's own queue has no deadline.
    enableOfflineQueue: false,
    // 0 turns off sending a command again whose connection was lost: it may have been published already.
    retryDelayOnFailover: purpose === 'publisher' ? 0 : 100,
    slotsRefreshTimeout: document.connectTimeoutMs,
    ...(purpose === 'subscriber' ? { slotsRefreshInterval: SLOTS_REFRESH_MS } : {}),
    // Names must reach TLS unresolved, or the name in the certificate cannot be checked.
    ...(document.tls ? { dnsLookup: (hostname, callback) => callback(null, hostname) } : {}),
    ...(document.natMap ? { natMap: document.natMap } : {}),
  };
}

function nodeOptions(document: RedisDocument, connectionName: string) {
  return {
    ...(document.username === undefined ? {} : { username: document.username }),
    ...(document.password === undefined ? {} : { password: document.password }),
    ...(document.tls ? { tls: tlsOptions(document, document.tls) } : {}),
    family: document.family ?? 0,
    connectionName,
    connectTimeout: document.connectTimeoutMs,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    commandTimeout: document.commandTimeoutMs,
    keepAlive: 10_000,
    disableClientInfo: true,
  };
}

function sentinelOptions(document: RedisDocument): RedisOptions {
  const sentinelTls = document.sentinelTls ?? document.tls;
  return {
    sentinels: document.nodes,
    ...(document.masterName === undefined ? {} : { name: document.masterName }),
    role: 'master',
    ...(document.sentinelUsername === undefined ? {} : { sentinelUsername: document.sentinelUsername }),
    ...(document.sentinelPassword === undefined ? {} : { sentinelPassword: document.sentinelPassword }),
    ...(document.tls ? { enableTLSForSentinelMode: true } : {}),
    ...(sentinelTls ? { sentinelTLS: tlsOptions(document, sentinelTls) } : {}),
    sentinelCommandTimeout: document.connectTimeoutMs,
    // One round over the Sentinels per attempt; ManagedClient begins the next, so that waiting commands fail between them.
    sentinelRetryStrategy: () => null,
    ...(document.natMap ? { natMap: document.natMap } : {}),
  };
}

function tlsOptions(document: RedisDocument, tls: RedisTls): ConnectionOptions {
  const [node] = document.nodes;
  const { ca, cert, key, passphrase, rejectUnauthorized } = tls;
  // Node sends the host's name by itself only where it connects by name.
  const servername =
    tls.servername ?? (document.mode === 'single' && node && isIP(node.host) === 0 ? node.host : undefined);
  return {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}
