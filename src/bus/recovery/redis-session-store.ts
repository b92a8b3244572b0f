import { Packr } from 'msgpackr';
import { createRedisClients, type RedisClient, type RedisClients, type RedisSettings } from '../../redis';
import type { BusLog } from '../fleet';
import { LinkEnvelope } from '../link/envelope';
import type { LinkOrigin } from '../link/link';
import { readStamp, writeStamp } from './hub-stamp';
import { isToBeTold, type PendingWrite, PendingWrites } from './pending-writes';
import { CLAIM_SCRIPT, REMOVE_SCRIPT, WRITE_SCRIPT } from './session-scripts';
import type { SessionState } from './session-state';
import type {
  ClaimedSession,
  OpenSessionStore,
  SessionAddress,
  SessionStore,
  SessionWrite,
  StoredEvent,
  StoredSession,
} from './session-store';

/** A connected client's session is kept for this long after it was last written. */
const LIVE_TTL_MS = 3_600_000;
const STAMP_EVERY_MS = 1_000;
/** A hub that has not shown itself for this long is not asked any more. */
const SILENT_AFTER_MS = 3_500;
const RETRY_MS = 500;
const CLOCKS_DIFFER_MS = 1_000;
/** What is not stored after this time counts as what may never be. */
const LATE_AFTER_MS = 500;
const FLUSH_LIMIT_MS = 2_000;

const packr = new Packr({ useRecords: false, moreTypes: false, encodeUndefinedAsNil: true });

/** Options of {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions {
  redis: RedisSettings;
  origin: LinkOrigin;
  podName: string;
  secrets?: readonly string[] | undefined;
  log: BusLog;
}

/** The state of sessions in Redis: written as it changes, what changes in one tick at once, signed where the link is. */
export class RedisSessionStore implements SessionStore {
  readonly #clients: RedisClients;
  readonly #client: RedisClient;
  readonly #envelope: LinkEnvelope;
  readonly #pending = new PendingWrites();
  /** What is being written and is not stored yet. */
  #batch: Map<string, PendingWrite> | undefined;
  /** Connected clients' sessions, with the time when they were last written: the longest ago first. */
  readonly #written = new Map<string, number>();
  readonly #stampTimer: NodeJS.Timeout;
  #scheduled: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** What was to be written last took too long, or failed: clients learn at once what is not stored. */
  #isLate = false;
  /** The latest that clients were told of. */
  #epoch = 0;
  /** The latest whose news are all stored. */
  #storedEpoch = 0;
  #outages = 0;
  /** Redis has everything, but for what is pending: nothing that was written before an outage is relied upon. */
  #isComplete = true;
  /** Who waits for what is pending. */
  #waiting: Array<(isWritten: boolean) => void> = [];
  /** Who waits for what is being written. */
  #waitingForBatch: Array<(isWritten: boolean) => void> = [];
  /** Who waits until something is stored, or its client knows that it is not. */
  readonly #unconfirmed = new Set<() => void>();

  constructor(
    private readonly options: RedisSessionStoreOptions,
    private readonly observer: Parameters<OpenSessionStore>[0],
  ) {
    const { redis, origin, podName, secrets, log } = options;
    this.#envelope = new LinkEnvelope(origin, secrets);
    this.#clients = createRedisClients(redis, {
      log,
      owner: podName,
      onDown: () => this.#mayBeLost(),
      onUp: () => void this.#writeAgain(),
      onMasterLost: () => {
        this.#mayBeLost();
        void this.#writeAgain();
      },
    });
    this.#client = this.#clients.commands('recovery');
    this.#stampTimer = setInterval(() => this.#showMyself(), STAMP_EVERY_MS);
    this.#stampTimer.unref();
    void this.#clients.ready().then(() => this.#showMyself());
  }

  write(address: SessionAddress, write: SessionWrite): void {
    const name = this.#nameOf(address);
    const written = this.#batch?.get(name);
    const isFresh = write.generation === 1 && !write.isRepeated && !written && !this.#written.has(name);
    this.#pending.add(name, address, write, {
      mayHaveEarlier: !isFresh,
      isTold: this.#isLate && written?.isTold === true,
    });
    this.#schedule();
  }

  remove(address: SessionAddress, generation: number): void {
    this.#pending.addRemoval(this.#nameOf(address), address, generation);
    this.#schedule();
  }

  forget(prefix: string): void {
    this.#client.set(this.#forgottenNameOf(prefix), Date.now(), 'PX', this.#keptForMs).catch((error: Error) => {
      this.options.log.warn(`Flotilla: sessions of other pods could not be ended: ${error.message}`);
    });
  }

  async find(address: SessionAddress): Promise<StoredSession | undefined> {
    const name = this.#nameOf(address);
    await this.#connected();
    const [generation, hub, value] = await this.#client.hmgetBuffer(name, 'g', 'h', 'v');
    if (!generation || !hub || !value) return undefined;
    const state = this.#read(name, value);
    if (!state) return undefined;
    const owner = hub.toString();
    if (await this.#isForgotten(state)) return undefined;
    const stampName = this.#stampNameOf(owner);
    const [stamp, leftMs] = await Promise.all([this.#client.get(stampName), this.#client.pttl(stampName)]);
    const { podTag, keptForMs, hasLeft, isIncomplete } = readStamp(stamp);
    return {
      generation: Number(generation.toString()),
      state,
      hub: owner,
      podTag,
      isOwnerForgotten: stamp === null,
      isOwnerIncomplete: isIncomplete,
      isOwnerAlive: stamp !== null && !hasLeft && keptForMs - leftMs < SILENT_AFTER_MS,
    };
  }

  async claim(address: SessionAddress, generation: number): Promise<ClaimedSession | undefined> {
    const name = this.#nameOf(address);
    const claimed = (await this.#client.callBuffer(
      'EVAL',
      CLAIM_SCRIPT,
      2,
      name,
      eventsOf(name),
      generation,
      this.options.origin.hub,
    )) as [Buffer, Buffer, Buffer, Buffer[]] | null;
    if (!claimed) return undefined;
    const [hub, value, trimmed, events] = claimed;
    const state = this.#read(name, value);
    if (!state) return undefined;
    const read = events.map((event) => this.#unwrap(name, event)).filter((event) => event !== undefined);
    return { state, hub: hub.toString(), events: read as StoredEvent[], isTrimmed: trimmed.length > 0 };
  }

  async epochOf(hub: string): Promise<number> {
    await this.#connected();
    return readStamp(await this.#client.get(this.#stampNameOf(hub))).epoch;
  }

  written(): Promise<void> | undefined {
    if (this.#isIdle) return undefined;
    if (this.#isLate) {
      this.#tellUnstored();
      return undefined;
    }
    return new Promise((resolve) => {
      this.#unconfirmed.add(resolve);
      void this.#isAllWritten().then(() => {
        this.#unconfirmed.delete(resolve);
        resolve();
      });
    });
  }

  async flush(): Promise<void> {
    let isTooLate = false;
    const limit = setTimeout(() => {
      isTooLate = true;
      this.#settle(this.#waiting, false);
      this.#settle(this.#waitingForBatch, false);
    }, FLUSH_LIMIT_MS);
    while (!isTooLate && !this.#isIdle && this.#client.status === 'ready') await this.#isAllWritten();
    clearTimeout(limit);
  }

  async close(): Promise<void> {
    clearInterval(this.#stampTimer);
    await this.flush();
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    if (this.#client.status === 'ready') await this.#stamp(true).catch(() => undefined);
    await this.#clients.close();
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => this.#writeAll());
  }

  #writeAll(): void {
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    this.#scheduled = undefined;
    if (this.#isLate) this.#tellUnstored();
    if (this.#batch || this.#pending.size === 0 || this.#clients.state === 'closed') return;
    const batch = this.#pending.take();
    this.#batch = batch;
    this.#waitingForBatch = this.#waiting;
    this.#waiting = [];
    const timer = setTimeout(() => {
      // A process that was itself busy has not read yet what has come meanwhile.
      setImmediate(() => {
        if (this.#batch === batch) this.#tellUnstored();
      });
    }, LATE_AFTER_MS);
    void Promise.all([...batch].map(([name, write]) => this.#writeOne(name, write, batch))).then((results) => {
      clearTimeout(timer);
      const isWritten = results.every(Boolean);
      this.#batch = undefined;
      if (isWritten) this.#isLate = false;
      else this.#tellUnstored();
      this.#settle(this.#waitingForBatch, isWritten);
      if (isWritten) this.#endEpoch();
      if (this.#pending.size === 0) return;
      if (isWritten) this.#schedule();
      else this.#retry = setTimeout(() => this.#writeAll(), RETRY_MS).unref();
    });
  }

  /** Clients learn that the latest of them is not stored, where it is not; who waits for that waits no longer. */
  #tellUnstored(): void {
    this.#isLate = true;
    const untold = [...(this.#batch?.values() ?? []), ...this.#pending.values()].filter(isToBeTold);
    if (untold.length > 0) {
      if (this.#epoch === this.#storedEpoch) this.#epoch += 1;
      for (const write of untold) write.isTold = true;
      this.observer.onUnstored(
        this.#epoch,
        untold.map(({ address }) => address),
      );
    }
    for (const confirm of this.#unconfirmed) confirm();
    this.#unconfirmed.clear();
  }

  /** Once everything is stored that clients were told of, what is stored may be relied upon again. */
  #endEpoch(): void {
    if (this.#epoch === this.#storedEpoch) return;
    for (const { isTold } of this.#pending.values()) if (isTold) return;
    this.#storedEpoch = this.#epoch;
    this.#showMyself();
  }

  /** Returns whether the store could be reached. */
  async #writeOne(name: string, write: PendingWrite, batch: Map<string, PendingWrite>): Promise<boolean> {
    const { address, generation, state, goneForMs, events = [] } = write;
    try {
      await this.#connected();
      if (write.isRemoved) {
        this.#written.delete(name);
        await this.#client.eval(REMOVE_SCRIPT, 2, name, eventsOf(name), generation);
        batch.delete(name);
        return true;
      }
      const isStored = await this.#client.eval(
        WRITE_SCRIPT,
        2,
        name,
        eventsOf(name),
        generation,
        this.options.origin.hub,
        write.isRepeated ? '1' : '0',
        state ? this.#wrap(name, state()) : '',
        Math.ceil(goneForMs ?? LIVE_TTL_MS),
        write.replacesEvents ? '1' : '0',
        write.isTrimmed ? '1' : '0',
        ...events.map((event) => this.#wrap(name, event)),
      );
      batch.delete(name);
      this.#written.delete(name);
      if (isStored === 0) this.observer.onSuperseded(address, generation);
      else if (goneForMs === undefined) this.#written.set(name, performance.now());
      return true;
    } catch {
      batch.delete(name);
      this.#pending.putBack(name, write);
      return false;
    }
  }

  #mayBeLost(): void {
    this.#outages += 1;
    this.#isComplete = false;
  }

  /** Another server may have taken over that had not got the latest, or Redis was started anew without its data. */
  async #writeAgain(): Promise<void> {
    const outages = this.#outages;
    const isOfUse = () => outages === this.#outages && this.#clients.state === 'up';
    this.#showMyself();
    const steps = this.observer.writeAgain();
    while (!steps.next().done) {
      while (isOfUse() && !(await this.#isAllWritten()));
      if (!isOfUse()) return;
    }
    this.#isComplete = true;
    this.#showMyself();
  }

  /** Whether what was given so far is stored, once it was tried; what could not be is tried again. */
  #isAllWritten(): Promise<boolean> {
    if (this.#isIdle) return Promise.resolve(true);
    return new Promise((resolve) => {
      (this.#pending.size > 0 ? this.#waiting : this.#waitingForBatch).push(resolve);
    });
  }

  get #isIdle(): boolean {
    return this.#pending.size === 0 && !this.#batch;
  }

  #settle(waiting: Array<(isWritten: boolean) => void>, isWritten: boolean): void {
    for (const settle of waiting.splice(0)) settle(isWritten);
  }

  async #isForgotten({ binding, openedAt }: SessionState): Promise<boolean> {
    const prefix = binding.slice(0, binding.indexOf(':') + 1);
    if (prefix.length <= 1) return false;
    const forgottenAt = await this.#client.get(this.#forgottenNameOf(prefix));
    // Clocks of pods differ: who was opened a little later has to begin anew, too.
    return forgottenAt !== null && openedAt <= Number(forgottenAt) + CLOCKS_DIFFER_MS;
  }

  #showMyself(): void {
    if (this.#client.status !== 'ready') return;
    this.#stamp(false).catch(() => undefined);
    const oldest = performance.now() - LIVE_TTL_MS / 2;
    for (const [name, writtenAt] of this.#written) {
      if (writtenAt > oldest) return;
      this.#written.delete(name);
      this.#written.set(name, performance.now());
      this.#client.pexpire(name, LIVE_TTL_MS).catch(() => undefined);
      this.#client.pexpire(eventsOf(name), LIVE_TTL_MS).catch(() => undefined);
    }
  }

  #stamp(hasLeft: boolean): Promise<unknown> {
    const { hub, podTag } = this.options.origin;
    const keptForMs = this.#keptForMs;
    const stamp = { podTag, keptForMs, hasLeft, isIncomplete: !this.#isComplete, epoch: this.#storedEpoch };
    return this.#client.set(this.#stampNameOf(hub), writeStamp(stamp), 'PX', keptForMs);
  }

  get #keptForMs(): number {
    return Math.ceil(this.observer.keptForMs()) + SILENT_AFTER_MS;
  }

  /** A client of a cluster refuses commands while it is not connected, where others let them wait a moment. */
  #connected(): Promise<void> {
    return this.#clients.state === 'connecting' ? this.#clients.ready() : Promise.resolve();
  }

  #wrap(name: string, value: SessionState | StoredEvent): Buffer {
    return this.#envelope.wrap(name, packr.pack(value));
  }

  #unwrap(name: string, bytes: Buffer): unknown {
    const unwrapped = this.#envelope.unwrap(name, bytes);
    if (typeof unwrapped === 'string') return undefined;
    try {
      return packr.unpack(unwrapped.body);
    } catch {
      return undefined;
    }
  }

  #read(name: string, value: Buffer): SessionState | undefined {
    const state = this.#unwrap(name, value) as SessionState | undefined;
    return typeof state?.sid === 'string' && Array.isArray(state.stays) ? state : undefined;
  }

  #nameOf({ nsp, key }: SessionAddress): string {
    return `${this.options.redis.keyPrefix}recovery:{${key}}:${nsp}`;
  }

  #forgottenNameOf(prefix: string): string {
    return `${this.options.redis.keyPrefix}recovery:forgotten:${prefix}`;
  }

  #stampNameOf(hub: string): string {
    return `${this.options.redis.keyPrefix}recovery:hub:${hub}`;
  }
}

function eventsOf(name: string): string {
  return `${name}:events`;
}
