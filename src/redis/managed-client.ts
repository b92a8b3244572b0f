import { inspect } from 'node:util';
import { Cluster, type Redis } from 'ioredis';
import { type RedisPurpose, retryDelayMs } from './client-options';
import { hideSecrets } from './connection-trouble';

/** A client of ioredis, for one server or for a cluster. */
export type RedisClient = Redis | Cluster;

/** How one client stands. */
export interface ClientStatus {
  /** Its name in `CLIENT LIST`. */
  name: string;
  purpose: RedisPurpose;
  ready: boolean;
  /** How often it has become ready again after the first time. */
  reconnects: number;
}

/** Whom a managed client tells. */
export interface ClientObserver {
  ready(client: ManagedClient): void;
  lost(client: ManagedClient): void;
  /** A master of a cluster was lost, or is none any more, and the client goes on with the others. */
  masterLost(client: ManagedClient): void;
  trouble(client: ManagedClient, error: unknown): void;
}

const END_TIMEOUT_MS = 1000;

/**
 * One ioredis client that never gives up, never leaves an `error` without a listener, and never keeps a connection
 * that does not answer.
 */
export class ManagedClient {
  readonly name: string;
  readonly purpose: RedisPurpose;
  readonly client: RedisClient;
  readonly #observer: ClientObserver;
  readonly #connectTimeoutMs: number;
  #ready = false;
  #timesReady = 0;
  #closing = false;
  #sawTrouble = false;
  /** The connection at hand has been given up, and may still become ready before its socket is closed. */
  #doomed = false;
  #revivals = 0;
  #reviveTimer: NodeJS.Timeout | undefined;
  #readyTimer: NodeJS.Timeout | undefined;
  /** Where the masters of a cluster are. */
  #masters = new Set<string>();

  constructor(
    client: RedisClient,
    name: string,
    purpose: RedisPurpose,
    connectTimeoutMs: number,
    observer: ClientObserver,
  ) {
    this.client = client;
    this.name = name;
    this.purpose = purpose;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#observer = observer;
    // ioredis keeps the password in its options, which inspect() would print.
    Object.defineProperty(client, inspect.custom, { value: () => `Redis client <${name}: ${client.status}>` });
    this.#listen();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Whether it has ever been connected. */
  get wasReady(): boolean {
    return this.#timesReady > 0;
  }

  status(): ClientStatus {
    return {
      name: this.name,
      purpose: this.purpose,
      ready: this.#ready,
      reconnects: Math.max(0, this.#timesReady - 1),
    };
  }

  /** Begins to connect, and never stops until it is closed. */
  start(): void {
    this.client.connect().catch(ignore);
  }

  /**
   * Asks the server for a sign of life, on every connection that has to have one, and drops those that give none.
   * @returns whether the client is connected and all of it answered
   */
  async ping(timeoutMs: number): Promise<boolean> {
    if (!this.#ready) return false;
    if (!(this.client instanceof Cluster)) {
      if (await answers(this.client, timeoutMs)) return true;
      if (this.#ready) this.drop();
      return false;
    }
    // Its sharded subscribers look after themselves, and its other connections are not open.
    if (this.purpose === 'subscriber') return true;
    const masters = this.client.nodes('master');
    const alive = await Promise.all(masters.map((node) => answers(node, timeoutMs)));
    if (this.#closing || !this.#ready) return false;
    if (!alive.includes(true)) {
      this.drop();
      return false;
    }
    if (!alive.includes(false)) return true;
    masters.forEach((node, index) => {
      if (!alive[index]) node.disconnect();
    });
    this.client.refreshSlotsCache();
    return false;
  }

  /** Gives up the connection and makes a new one. */
  drop(): void {
    if (this.#closing) return;
    this.#sawTrouble = true;
    this.#doomed = true;
    this.#lose();
    this.client.disconnect(true);
  }

  /** Frees sockets and timers. What has been sent is answered first; a server that does not answer has half a second. */
  async close(): Promise<void> {
    if (this.#closing) return;
    const { client } = this;
    this.#closing = true;
    this.#ready = false;
    clearTimeout(this.#reviveTimer);
    clearTimeout(this.#readyTimer);
    if (client.status === 'end') return;
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
    const waitsForAttempt = client.status === 'reconnecting';
    client.disconnect();
    if (waitsForAttempt && !(client instanceof Cluster)) {
      // Commands that wait for the next attempt are refused only by an attempt.
      client.connect().catch(ignore);
      client.disconnect();
    }
    if (!(waitsForAttempt && client instanceof Cluster)) await within(ended, END_TIMEOUT_MS);
  }

  #listen(): void {
    const { client } = this;
    const trouble = (error: unknown): void => {
      hideSecrets(error);
      if (this.#closing) return;
      this.#sawTrouble = true;
      // The end of a connection that worked is told as its loss.
      if (this.#ready && isReset(error)) return;
      this.#observer.trouble(this, error);
    };
    client.on('error', trouble);
    client.on('connect', () => this.#expectReady());
    client.on('ready', () => void this.#becomeReady());
    client.on('close', () => {
      if (!this.#ready && !this.#sawTrouble && !this.#closing) trouble(new Error('closed before it was ready'));
      this.#sawTrouble = false;
      this.#lose();
    });
    client.on('end', () => this.#revive());
    if (client instanceof Cluster) this.#listenToCluster(client, trouble);
  }

  #listenToCluster(cluster: Cluster, trouble: (error: unknown) => void): void {
    cluster.on('node error', trouble);
    cluster.on('nodeError', (error: unknown) => {
      // Redis announces a moved slot by an unsubscription that nobody asked for, which ioredis reports as an error.
      if (error instanceof Error && /Command queue state error.*sunsubscribe/.test(error.message))
        cluster.refreshSlotsCache();
      else trouble(error);
    });
    cluster.on('+node', (node: Redis) => {
      if (this.#ready) this.#connectMaster(node);
    });
    // ioredis drops a node whose connection has ended, and learns from the others who has its slots now.
    cluster.on('-node', () => this.#lookAtMasters(cluster));
    cluster.on('refresh', () => this.#lookAtMasters(cluster));
  }

  #lookAtMasters(cluster: Cluster): void {
    const masters = new Set(cluster.nodes('master').map(({ options: { host, port } }) => `${host}:${port}`));
    const isOneMissing = [...this.#masters].some((master) => !masters.has(master));
    this.#masters = masters;
    if (isOneMissing && this.#ready) this.#observer.masterLost(this);
  }

  /** A server may accept a connection and never answer. */
  #expectReady(): void {
    this.#doomed = false;
    clearTimeout(this.#readyTimer);
    if (this.#closing) return;
    this.#readyTimer = setTimeout(() => {
      this.#observer.trouble(this, new Error(`connected, but got no answer in ${this.#connectTimeoutMs} ms`));
      this.drop();
    }, this.#connectTimeoutMs);
  }

  async #becomeReady(): Promise<void> {
    clearTimeout(this.#readyTimer);
    if (this.#closing) return;
    // A cluster client opens connections at their first use and, without a queue, refuses the second command meanwhile.
    if (this.client instanceof Cluster && this.purpose !== 'subscriber') {
      await Promise.all(this.client.nodes('master').map((node) => this.#connectMaster(node)));
    }
    if (this.#closing || this.#doomed || this.#ready || this.client.status !== 'ready') return;
    if (this.client instanceof Cluster) this.#lookAtMasters(this.client);
    this.#ready = true;
    this.#sawTrouble = false;
    this.#revivals = 0;
    this.#timesReady++;
    this.#observer.ready(this);
  }

  async #connectMaster(node: Redis): Promise<void> {
    if (this.purpose === 'subscriber' || node.options.readOnly || node.status !== 'wait') return;
    await node.connect().catch(ignore);
  }

  #lose(): void {
    clearTimeout(this.#readyTimer);
    const wasReady = this.#ready;
    this.#ready = false;
    if (wasReady) this.#observer.lost(this);
  }

  /** ioredis ends for good where no Sentinel answers or a socket cannot be made; this begins again. */
  #revive(): void {
    this.#lose();
    if (this.#closing) return;
    clearTimeout(this.#reviveTimer);
    this.#reviveTimer = setTimeout(() => this.start(), retryDelayMs(++this.#revivals));
  }
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** Whether the connection answers in time. A process that was stopped meanwhile reads what has arrived before it judges. */
async function answers(connection: Redis, timeoutMs: number): Promise<boolean> {
  if (connection.status !== 'ready') return connection.status === 'wait' || connection.status.startsWith('connect');
  return new Promise((resolve) => {
    const timer = setTimeout(() => setImmediate(() => resolve(false)), timeoutMs);
    const settle = (alive: boolean): void => {
      clearTimeout(timer);
      resolve(alive);
    };
    connection.ping().then(
      () => settle(true),
      // An error that the server sent is an answer.
      (error: unknown) => settle(error instanceof Error && error.name === 'ReplyError'),
    );
  });
}

async function within(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

function ignore(): void {}
