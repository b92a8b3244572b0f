import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRedisClients, type RedisClient, type RedisClients, type RedisSettings } from '../../redis';
import type { Logger } from '../logger';

/** What a {@link OnceLock} needs. */
export interface OnceLockOptions {
  redis: RedisSettings;
  /** Who has it, for people. */
  podName: string;
  appPath: string;
  /** Whether other pods of the fleet are there. */
  hasOthers(): boolean;
  /** How long it outlives a holder that dies. Default: 15,000 ms. */
  leaseMs?: number;
  log: Logger;
}

const LEASE_MS = 15_000;
/** Renewals in the time of a lease: two may be late. */
const RENEWALS = 3;
const LOOK_EVERY_MS = 200;
const SAY_EVERY_MS = 5_000;
/** How long it is remembered that a release has done it. */
const REMEMBER_MS = 30 * 24 * 3_600_000;
const DONE = 'done';

const RENEW =
  "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0";
const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

/**
 * Chooses the pod that does what is done once for the fleet, by a key in Redis for each release of the app. The others wait
 * until it is done. A fleet that starts from nothing does it again, as a single process would.
 */
export class OnceLock {
  readonly #clients: RedisClients;
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #token: string;
  readonly #leaseMs: number;
  #renewal: NodeJS.Timeout | undefined;
  #isHeld = false;
  #isClosed = false;

  constructor(private readonly options: OnceLockOptions) {
    const { redis, podName, appPath, leaseMs = LEASE_MS, log } = options;
    this.#leaseMs = leaseMs;
    this.#clients = createRedisClients(redis, { log, owner: podName });
    this.#redis = this.#clients.commands('once');
    this.#key = `${redis.keyPrefix}once:${releaseOf(appPath)}`;
    this.#token = `${podName} ${randomBytes(9).toString('base64url')}`;
  }

  /** Settles with whether this pod is to do it; when another does, after that one is through. */
  async acquire(): Promise<boolean> {
    const redis = this.#redis;
    let hasWaited = false;
    let saidAt = 0;
    while (!this.#isClosed) {
      const holder = await redis.get(this.#key);
      if (holder === DONE && (hasWaited || this.options.hasOthers())) return false;
      if (holder === null || holder === DONE) {
        if (await this.#take(holder)) return true;
        continue;
      }
      hasWaited = true;
      if (Date.now() - saidAt >= SAY_EVERY_MS) {
        saidAt = Date.now();
        this.options.log.info(`waiting for pod ${holder.split(' ')[0]}, which does what is done once for the fleet`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return false;
  }

  /** It is done: the others may go on. */
  async done(): Promise<void> {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    clearInterval(this.#renewal);
    await this.#redis.set(this.#key, DONE, 'PX', REMEMBER_MS);
  }

  /** Gives up what is not done, so that another pod can do it, and frees the connection. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#renewal);
    if (this.#isHeld) await this.#redis.eval(RELEASE, 1, this.#key, this.#token).catch(() => undefined);
    await this.#clients.close();
  }

  async #take(before: string | null): Promise<boolean> {
    const redis = this.#redis;
    if (before === DONE) await redis.eval(RELEASE, 1, this.#key, DONE);
    const answer = await redis.set(this.#key, this.#token, 'PX', this.#leaseMs, 'NX');
    if (answer !== 'OK') return false;
    this.#isHeld = true;
    this.#renewal = setInterval(() => {
      redis.eval(RENEW, 1, this.#key, this.#token, this.#leaseMs).catch(() => undefined);
    }, this.#leaseMs / RENEWALS);
    return true;
  }
}

/** Names a release by what its once-only work depends on: its package.json, its models and its configuration. */
function releaseOf(appPath: string): string {
  const hash = createHash('sha256').update(process.env.FLOTILLA_RELEASE ?? '');
  hash.update(readFileSync(join(appPath, 'package.json')));
  for (const folder of ['api/models', 'config']) addFolder(hash, join(appPath, folder));
  return hash.digest('hex').slice(0, 16);
}

function addFolder(hash: ReturnType<typeof createHash>, folder: string): void {
  let entries: string[];
  try {
    entries = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  } catch {
    return;
  }
  for (const entry of entries) {
    hash.update(`\0${entry}\0`);
    try {
      hash.update(readFileSync(join(folder, entry)));
    } catch {
      // a folder
    }
  }
}
