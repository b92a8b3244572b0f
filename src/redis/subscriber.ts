import { Cluster } from 'ioredis';
import { retryDelayMs } from './client-options';
import { RedisConnectionError } from './errors';
import type { ManagedClient } from './managed-client';

/** Gets each message: its channel and its bytes. */
export type MessageHandler = (channel: string, payload: Buffer) => void;

interface Subscription {
  confirmed: boolean;
  settled: Promise<void>;
  resolve(): void;
  reject(error: Error): void;
}

/** How many channels go into one SUBSCRIBE. */
const BATCH = 1000;

/**
 * Subscriptions that last: what is subscribed here is subscribed on every connection to come, also what was added or
 * taken away while there was none. The channels of one tick go to Redis together.
 */
export class RedisSubscriber {
  readonly #managed: ManagedClient;
  readonly #sharded: boolean;
  readonly #wanted = new Map<string, Subscription>();
  #toSubscribe = new Set<string>();
  #toUnsubscribe = new Set<string>();
  #flushScheduled = false;
  #retries = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;
  #confirmWaiters: (() => void)[] = [];

  constructor(managed: ManagedClient, sharded: boolean, onMessage: MessageHandler) {
    this.#managed = managed;
    this.#sharded = sharded;
    managed.client.on(sharded ? 'smessageBuffer' : 'messageBuffer', (channel: Buffer, payload: Buffer) => {
      const name = channel.toString();
      if (this.#wanted.has(name)) onMessage(name, payload);
    });
  }

  /** The name of the connection in `CLIENT LIST`. */
  get name(): string {
    return this.#managed.name;
  }

  get channels(): number {
    return this.#wanted.size;
  }

  /**
   * Subscribes to channels. Settles when Redis has confirmed all of them, which waits for Redis where it is down, or
   * when they are unsubscribed or the subscriber is closed before.
   * @throws RedisConnectionError `E_REDIS_AUTH` where the user may not subscribe, `E_REDIS_CLOSED` after `close()`
   */
  async subscribe(...channels: string[]): Promise<void> {
    if (this.#closed) throw new RedisConnectionError('E_REDIS_CLOSED', 'These Redis clients are closed.');
    await Promise.all(channels.map((channel) => (this.#wanted.get(channel) ?? this.#add(channel)).settled));
  }

  /**
   * Settles when every subscription is confirmed on the connection that there is now, or when this is closed. On a cluster
   * the client brings back sharded subscriptions by itself, node by node, and only new ones are waited for.
   */
  confirmed(): Promise<void> {
    if (this.#isConfirmed()) return Promise.resolve();
    return new Promise((resolve) => this.#confirmWaiters.push(resolve));
  }

  /** Ends subscriptions. What still arrives from them is dropped. */
  unsubscribe(...channels: string[]): void {
    for (const channel of channels) {
      const subscription = this.#wanted.get(channel);
      if (!subscription) continue;
      this.#wanted.delete(channel);
      subscription.resolve();
      // One that is not on its way yet needs no command.
      if (!this.#toSubscribe.delete(channel)) this.#toUnsubscribe.add(channel);
    }
    this.#wakeIfConfirmed();
    this.#scheduleFlush();
  }

  /** Gives up the connection, whatever it looks like, and makes a new one with all subscriptions. For a deaf link. */
  reconnect(): void {
    this.#managed.drop();
  }

  /** The connection is up: for RedisClients. */
  connected(): void {
    this.#toUnsubscribe.clear();
    this.#retries = 0;
    for (const [channel, subscription] of this.#wanted) {
      // A cluster client brings sharded subscriptions back by itself, node by node.
      if (this.#byNode) {
        if (!subscription.confirmed) this.#toSubscribe.add(channel);
        continue;
      }
      subscription.confirmed = false;
      this.#toSubscribe.add(channel);
    }
    this.#scheduleFlush();
  }

  /** Frees what it holds: for RedisClients. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    for (const subscription of this.#wanted.values()) subscription.resolve();
    this.#wanted.clear();
    this.#toSubscribe.clear();
    this.#toUnsubscribe.clear();
    this.#wakeIfConfirmed();
  }

  #isConfirmed(): boolean {
    for (const subscription of this.#wanted.values()) if (!subscription.confirmed) return false;
    return true;
  }

  #wakeIfConfirmed(): void {
    if (this.#confirmWaiters.length === 0 || !this.#isConfirmed()) return;
    const waiting = this.#confirmWaiters;
    this.#confirmWaiters = [];
    for (const resolve of waiting) resolve();
  }

  get #byNode(): boolean {
    return this.#managed.client instanceof Cluster;
  }

  #add(channel: string): Subscription {
    let resolve: () => void = ignore;
    let reject: (error: Error) => void = ignore;
    const settled = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    settled.catch(ignore);
    const subscription = { confirmed: false, settled, resolve, reject };
    this.#wanted.set(channel, subscription);
    this.#toSubscribe.add(channel);
    this.#scheduleFlush();
    return subscription;
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    // What is left in the sets goes out with the next connection.
    if (this.#closed || !this.#managed.ready) return;
    const ending = [...this.#toUnsubscribe];
    const beginning = [...this.#toSubscribe].filter((channel) => this.#wanted.has(channel));
    this.#toUnsubscribe = new Set();
    this.#toSubscribe = new Set();
    for (const batch of this.#batches(ending)) void this.#end(batch);
    for (const batch of this.#batches(beginning)) void this.#begin(batch);
  }

  /** Nodes of a cluster take only channels of one slot in one command. */
  #batches(channels: string[]): string[][] {
    const size = this.#byNode ? 1 : BATCH;
    const batches: string[][] = [];
    for (let start = 0; start < channels.length; start += size) batches.push(channels.slice(start, start + size));
    return batches;
  }

  async #begin(channels: string[]): Promise<void> {
    const sent = channels.map((channel) => [channel, this.#wanted.get(channel)] as const);
    const { client } = this.#managed;
    try {
      await (this.#sharded ? client.ssubscribe(...channels) : client.subscribe(...channels));
    } catch (error) {
      this.#beginFailed(sent, error);
      return;
    }
    for (const [channel, subscription] of sent) {
      if (!subscription || this.#wanted.get(channel) !== subscription) continue;
      subscription.confirmed = true;
      subscription.resolve();
    }
    this.#wakeIfConfirmed();
  }

  #beginFailed(sent: (readonly [string, Subscription | undefined])[], error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    for (const [channel, subscription] of sent) {
      if (!subscription || this.#wanted.get(channel) !== subscription) continue;
      if (/^(NOPERM|ERR unknown command)/.test(reason)) {
        this.#wanted.delete(channel);
        subscription.reject(refusal(reason));
      } else {
        this.#toSubscribe.add(channel);
      }
    }
    this.#wakeIfConfirmed();
    this.#retrySoon();
  }

  async #end(channels: string[]): Promise<void> {
    const { client } = this.#managed;
    try {
      await (this.#sharded ? client.sunsubscribe(...channels) : client.unsubscribe(...channels));
    } catch {
      // The connection is lost, and with it the subscription; on a cluster, the node's.
    }
  }

  #retrySoon(): void {
    if (this.#closed || this.#toSubscribe.size === 0 || this.#retryTimer) return;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = undefined;
        this.#scheduleFlush();
      },
      retryDelayMs(++this.#retries),
    );
  }
}

function refusal(reason: string): RedisConnectionError {
  return reason.startsWith('NOPERM')
    ? new RedisConnectionError(
        'E_REDIS_AUTH',
        `Redis refuses the subscription (${reason}). Give its user the channels (docs/redis.md).`,
      )
    : new RedisConnectionError(
        'E_REDIS_SERVER',
        `This Redis has no sharded publish and subscribe (${reason}). It takes Redis 7 or Valkey; use the link "redis".`,
      );
}

function ignore(): void {}
