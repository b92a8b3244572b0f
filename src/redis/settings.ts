import { inspect } from 'node:util';
import { describeDocument } from './describe';

/** `single`: one server. `sentinel`: a master that Sentinels name. `cluster`: Redis Cluster. */
export type RedisMode = 'single' | 'sentinel' | 'cluster';

/** An address. */
export interface RedisNode {
  host: string;
  port: number;
}

/** TLS material; certificates and keys are PEM text. An empty object means TLS with the system's certificate authorities. */
export interface RedisTls {
  ca?: string[];
  cert?: string;
  key?: string;
  passphrase?: string;
  /** Name that the server's certificate must carry; default the host that is connected to. */
  servername?: string;
  /** Default true. */
  rejectUnauthorized?: boolean;
}

/** A part of the settings as one source gives it. */
export interface RedisDraft {
  mode?: RedisMode;
  /** The server, the Sentinels, or the start nodes of a cluster. */
  nodes?: RedisNode[];
  /** Path of a Unix domain socket, in place of `nodes`. */
  socketPath?: string;
  /** Name of the master among the Sentinels. */
  masterName?: string;
  username?: string;
  password?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  db?: number;
  /** Address family: 0 both, 4 or 6. */
  family?: 0 | 4 | 6;
  tls?: RedisTls;
  /** TLS towards the Sentinels; default the same as `tls`. `false`: Sentinels speak plain text although the servers use TLS. */
  sentinelTls?: RedisTls | false;
  /** Addresses that Redis announces (`host:port`) and where they are reached from here. */
  natMap?: Record<string, RedisNode>;
  namespace?: string;
  keyPrefix?: string;
  channelPrefix?: string;
  connectTimeoutMs?: number;
  commandTimeoutMs?: number;
}

/** The whole settings as plain data, secrets included: what one process hands to another. Never print it. */
export interface RedisDocument extends RedisDraft {
  mode: RedisMode;
  nodes: RedisNode[];
  db: number;
  namespace: string;
  keyPrefix: string;
  channelPrefix: string;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
  /** Where the address was set, e.g. `FLOTILLA_REDIS_URL`. */
  source: string;
}

/**
 * Validated settings of Redis. Printing one, in whatever way, shows no secret.
 * Two processes exchange them with `toDocument()` and `RedisSettings.fromDocument()`.
 */
export class RedisSettings {
  readonly #document: RedisDocument;

  /** What the user should know although the settings can be used, e.g. `db` without a namespace. For the log, once. */
  readonly warnings: readonly string[];

  private constructor(document: RedisDocument, warnings: readonly string[]) {
    this.#document = structuredClone(document);
    this.warnings = [...warnings];
  }

  /** Settings from a document that `resolveRedisSettings` has validated, in this process or in another. */
  static fromDocument(document: RedisDocument, warnings: readonly string[] = []): RedisSettings {
    return new RedisSettings(document, warnings);
  }

  get mode(): RedisMode {
    return this.#document.mode;
  }

  /** Where the address was set, for messages. */
  get source(): string {
    return this.#document.source;
  }

  /** Separates releases that share one Redis. Default `flotilla`. */
  get namespace(): string {
    return this.#document.namespace;
  }

  /** What every key begins with. Default `<namespace>:`. Callers prepend it: ioredis' own `keyPrefix` would also touch sharded channels. */
  get keyPrefix(): string {
    return this.#document.keyPrefix;
  }

  /** What every channel begins with. Default `<namespace>:`. Callers prepend it. */
  get channelPrefix(): string {
    return this.#document.channelPrefix;
  }

  /** Plain data, secrets included, for another process of the same pod. Never print it. */
  toDocument(): RedisDocument {
    return structuredClone(this.#document);
  }

  /** Whether the other settings lead to the same place in the same way. */
  equals(other: RedisSettings): boolean {
    return canonical(this.#document) === canonical(other.#document);
  }

  toString(): string {
    return describeDocument(this.#document);
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return `RedisSettings <${this.toString()}>`;
  }
}

function canonical(document: RedisDocument): string {
  const { source: _, ...place } = document;
  return JSON.stringify(place, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
