import { inspect } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { clusterOptions, type RedisPurpose, redisOptions } from './client-options';
import { explainTrouble } from './connection-trouble';
import { RedisConnectionError } from './errors';
import { type ClientObserver, type ClientStatus, ManagedClient, type RedisClient } from './managed-client';
import type { RedisSettings } from './settings';
import { type MessageHandler, RedisSubscriber } from './subscriber';

/** Where log lines go. */
export interface RedisLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RedisClientsOptions {
  /** Default: nowhere. */
  log?: RedisLog;
  /** What connections are called in `CLIENT LIST`, e.g. the pod's name; default the process id. */
  owner?: string;
  /** Runs once when an outage begins: the first of the connections is lost. Not at start, when there was none yet. */
  onDown?: () => void;
  /** Runs once when that outage is over: all connections are back and have answered. */
  onUp?: () => void;
  /**
   * Runs when a master of a cluster was lost, or is none any more, while the others go on: who has its slots now may not
   * have everything. Not during an outage.
   */
  onMasterLost?: () => void;
  /** How often each connection is asked for a sign of life. Default 1500; noticing a dead one takes this, the next and half a second. */
  pingEveryMs?: number;
  /** How long it may take to answer. Default 2000. */
  pingTimeoutMs?: number;
}

/** `connecting`: not all connections have been made yet. `down`: there is an outage. */
export type RedisState = 'connecting' | 'up' | 'down' | 'closed';

/** The same trouble is logged again only after this long. */
const REMIND_MS = 30_000;

/** Makes the Redis clients of one process. They connect by themselves, for as long as it takes. */
export function createRedisClients(settings: RedisSettings, options: RedisClientsOptions = {}): RedisClients {
  return new RedisClients(settings, options);
}

/** The Redis connections of one process, made from one setting and watched together. */
export class RedisClients {
  readonly settings: RedisSettings;
  readonly #log: RedisLog | undefined;
  readonly #owner: string;
  readonly #options: RedisClientsOptions;
  readonly #members = new Set<ManagedClient>();
  readonly #subscribers = new Map<ManagedClient, RedisSubscriber>();
  readonly #observer: ClientObserver;
  #state: RedisState = 'connecting';
  #heartbeat: NodeJS.Timeout | undefined;
  #verification = 0;
  #downSince = 0;
  #attempts = 0;
  #lastTrouble: RedisConnectionError | undefined;
  #loggedTrouble = new Map<string, number>();
  #waiting: (() => void)[] = [];

  constructor(settings: RedisSettings, options: RedisClientsOptions) {
    this.settings = settings;
    this.#options = options;
    this.#log = options.log;
    this.#owner = (options.owner ?? String(process.pid)).replace(/[^!-~]/g, '_');
    this.#observer = {
      ready: (member) => this.#onReady(member),
      lost: (member) => this.#onLost(member),
      masterLost: () => {
        if (this.#state === 'up') this.#call(this.#options.onMasterLost, 'onMasterLost');
      },
      trouble: (_member, error) => this.#onTrouble(error),
    };
    for (const warning of settings.warnings) this.#log?.warn(warning);
  }

  get state(): RedisState {
    return this.#state;
  }

  /** What went wrong last, while not everything is connected. */
  get trouble(): RedisConnectionError | undefined {
    return this.#state === 'up' ? undefined : this.#lastTrouble;
  }

  /** How each client stands. */
  clients(): ClientStatus[] {
    return [...this.#members].map((member) => member.status());
  }

  /**
   * A client for keys and scripts, on a cluster one that knows its nodes. While Redis is down a command waits for the
   * next attempt to connect, then fails; `commandTimeoutMs` is the longest.
   */
  commands(name: string): RedisClient {
    return this.#make(name, 'commands', this.settings.mode === 'cluster').client;
  }

  /** A client for PUBLISH. A message goes out once or is refused at once; messages to one channel keep their order. */
  publisher(name: string): Redis {
    return this.#make(name, 'publisher', false).client as Redis;
  }

  /** Subscriptions by SUBSCRIBE. */
  subscriber(name: string, onMessage: MessageHandler): RedisSubscriber {
    return this.#makeSubscriber(name, false, onMessage);
  }

  /** A client for SPUBLISH (Redis 7, Valkey): on a cluster, each channel has one node. */
  shardedPublisher(name: string): RedisClient {
    return this.#make(name, 'publisher', this.settings.mode === 'cluster').client;
  }

  /** Subscriptions by SSUBSCRIBE (Redis 7, Valkey): on a cluster, one connection per node that has some. */
  shardedSubscriber(name: string, onMessage: MessageHandler): RedisSubscriber {
    return this.#makeSubscriber(name, true, onMessage);
  }

  /** Settles when every client made so far is connected, however long that takes, or when this is closed. */
  async ready(): Promise<void> {
    while (this.#state !== 'closed' && [...this.#members].some((member) => !member.ready)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Closes every connection and frees every timer; what is under way is sent first. Takes about a second at most. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    clearInterval(this.#heartbeat);
    this.#wake();
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    await Promise.all([...this.#members].map((member) => member.close()));
    this.#members.clear();
    this.#subscribers.clear();
  }

  [inspect.custom](): string {
    return `RedisClients <${this.settings}: ${this.#state}>`;
  }

  #makeSubscriber(name: string, sharded: boolean, onMessage: MessageHandler): RedisSubscriber {
    const member = this.#make(name, 'subscriber', sharded && this.settings.mode === 'cluster');
    const subscriber = new RedisSubscriber(member, sharded, onMessage);
    this.#subscribers.set(member, subscriber);
    return subscriber;
  }

  #make(name: string, purpose: RedisPurpose, wholeCluster: boolean): ManagedClient {
    if (this.#state === 'closed') throw new RedisConnectionError('E_REDIS_CLOSED', 'These Redis clients are closed.');
    const document = this.settings.toDocument();
    const connectionName = `flotilla:${this.#owner}:${name}`;
    const client = wholeCluster
      ? new Cluster(document.nodes, clusterOptions(document, purpose, connectionName))
      : new Redis(redisOptions(document, purpose, connectionName));
    const member = new ManagedClient(client, connectionName, purpose, document.connectTimeoutMs, this.#observer);
    this.#members.add(member);
    this.#startHeartbeat();
    member.start();
    return member;
  }

  #startHeartbeat(): void {
    if (this.#heartbeat) return;
    const { pingEveryMs = 1500 } = this.#options;
    this.#heartbeat = setInterval(() => void this.#pingAll(), pingEveryMs);
    this.#heartbeat.unref();
  }

  async #pingAll(): Promise<boolean> {
    const { pingTimeoutMs = 2000 } = this.#options;
    const known = [...this.#members].filter((member) => member.wasReady);
    const answers = await Promise.all(known.map((member) => member.ping(pingTimeoutMs)));
    return answers.every(Boolean);
  }

  #onReady(member: ManagedClient): void {
    this.#subscribers.get(member)?.connected();
    if (this.#state === 'connecting' && [...this.#members].every((each) => each.ready)) {
      this.#state = 'up';
      this.#log?.info(`Connected to Redis at ${this.settings} (${this.settings.source}).`);
      this.#forgetTrouble();
    } else if (this.#state === 'down') {
      void this.#verify();
    }
    this.#wake();
  }

  #onLost(_member: ManagedClient): void {
    if (this.#state !== 'up') return;
    this.#state = 'down';
    this.#downSince = Date.now();
    this.#attempts = 0;
    this.#log?.error(
      `Lost the connection to Redis at ${this.settings} (${this.settings.source}); trying again until it is back.`,
    );
    this.#call(this.#options.onDown, 'onDown');
    // The other connections may be as dead and look alive.
    if (this.#state === 'down') void this.#pingAll();
  }

  /** The outage is over when all connections are back at the same time and have answered. */
  async #verify(): Promise<void> {
    const verification = ++this.#verification;
    if ([...this.#members].some((member) => member.wasReady && !member.ready)) return;
    const alive = await this.#pingAll();
    if (!alive || verification !== this.#verification || this.#state !== 'down') return;
    this.#state = 'up';
    const seconds = ((Date.now() - this.#downSince) / 1000).toFixed(1);
    this.#log?.info(`Redis at ${this.settings} is back after ${seconds} s.`);
    this.#forgetTrouble();
    this.#call(this.#options.onUp, 'onUp');
  }

  #onTrouble(error: unknown): void {
    if (this.#state === 'closed') return;
    const trouble = explainTrouble(error, this.settings);
    this.#lastTrouble = trouble;
    this.#attempts++;
    const now = Date.now();
    const logged = this.#loggedTrouble.get(trouble.message);
    if (logged !== undefined && now - logged < REMIND_MS) {
      this.#log?.debug(trouble.message);
      return;
    }
    this.#loggedTrouble.set(trouble.message, now);
    const count = logged === undefined ? '' : ` (${this.#attempts} failures so far)`;
    this.#log?.error(`${trouble.code}: ${trouble.message}${count}`);
  }

  #forgetTrouble(): void {
    this.#loggedTrouble.clear();
    this.#lastTrouble = undefined;
    this.#attempts = 0;
  }

  #call(callback: (() => void) | undefined, name: string): void {
    try {
      callback?.();
    } catch (error) {
      this.#log?.error(`${name} threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
