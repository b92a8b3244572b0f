import { Packr } from 'msgpackr';
import { createRedisClients, type RedisClient, type RedisClients, type RedisSettings } from '../../redis';
import type { BusLog } from '../fleet';
import { LinkEnvelope } from '../link/envelope';
import type { LinkOrigin } from '../link/link';
import { CLAIM_SCRIPT, MAX_EVENTS, REMOVE_SCRIPT, WRITE_SCRIPT } from './session-scripts';
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
const WRITTEN_LIMIT_MS = 1_000;
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

interface Pending extends SessionWrite {
  address: SessionAddress;
  isRemoved?: boolean;
}

/** The state of sessions in Redis: written as it changes, what changes in one tick at once, signed where the link is. */
export class RedisSessionStore implements SessionStore {
  readonly #clients: RedisClients;
  readonly #client: RedisClient;
  readonly #envelope: LinkEnvelope;
  readonly #pending = new Map<string, Pending>();
  /** Connected clients' sessions, with the time when they were last written: the longest ago first. */
  readonly #written = new Map<string, number>();
  readonly #stampTimer: NodeJS.Timeout;
  #scheduled: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #writing = false;
  #outages = 0;
  /** Redis has everything, but for what is pending: nothing that was written before an outage is relied upon. */
  #isComplete = true;
  /** Who waits for what is pending. */
  #waiting: Array<(isWritten: boolean) => void> = [];
  /** Who waits for what is being written. */
  #waitingForBatch: Array<(isWritten: boolean) => void> = [];

  constructor(
    private readonly options: RedisSessionStoreOptions,
    private readonly observer: Parameters<OpenSessionStore>[0],
  ) {
    const { redis, origin, podName, secrets, log } = options;
    this.#envelope = new LinkEnvelope(origin, secrets);
    this.#clients = createRedisClients(redis, {
      log,
      owner: podName,
      onDown: () => {
        this.#outages += 1;
        this.#isComplete = false;
      },
      onUp: () => void this.#writeAgain(),
    });
    this.#client = this.#clients.commands('recovery');
    this.#stampTimer = setInterval(() => this.#showMyself(), STAMP_EVERY_MS);
    this.#stampTimer.unref();
    void this.#clients.ready().then(() => this.#showMyself());
  }

  write(address: SessionAddress, write: SessionWrite): void {
    const name = this.#nameOf(address);
    const before = this.#pending.get(name);
    if (before?.isRemoved || !before || write.generation > before.generation) {
      this.#pending.set(name, { ...write, address });
    } else {
      before.goneForMs = write.goneForMs;
      before.isRepeated ||= write.isRepeated;
      if (write.state) before.state = write.state;
      if (write.replacesEvents) Object.assign(before, { replacesEvents: true, isTrimmed: write.isTrimmed, events: [] });
      if (write.events) before.events = [...(before.events ?? []), ...write.events].slice(-MAX_EVENTS - 1);
    }
    this.#schedule();
  }

  remove(address: SessionAddress, generation: number): void {
    const pending = { address, generation, isRepeated: false, goneForMs: undefined, isRemoved: true };
    this.#pending.set(this.#nameOf(address), pending);
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
    const [podTag = '', keptForMs = '0', ...flags] = stamp?.split(' ') ?? [];
    return {
      generation: Number(generation.toString()),
      binding: state.binding,
      hub: owner,
      podTag,
      isOwnerForgotten: stamp === null,
      isOwnerIncomplete: flags.includes('incomplete'),
      isOwnerAlive: stamp !== null && !flags.includes('left') && Number(keptForMs) - leftMs < SILENT_AFTER_MS,
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

  written(): Promise<void> | undefined {
    const isIdle = this.#pending.size === 0 && !this.#writing;
    if (isIdle || this.#client.status !== 'ready') return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WRITTEN_LIMIT_MS);
      const waiting = this.#pending.size > 0 ? this.#waiting : this.#waitingForBatch;
      waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async flush(): Promise<void> {
    const limit = performance.now() + FLUSH_LIMIT_MS;
    while (performance.now() < limit) {
      const written = this.written();
      if (!written) return;
      await written;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#stampTimer);
    await this.flush();
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    if (this.#client.status === 'ready') await this.#stamp('left').catch(() => undefined);
    await this.#clients.close();
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => this.#writeAll());
  }

  #writeAll(): void {
    clearImmediate(this.#scheduled);
    clearTimeout(this.#retry);
    this.#scheduled = undefined;
    if (this.#writing || this.#pending.size === 0) return;
    const batch = [...this.#pending.values()];
    this.#pending.clear();
    this.#waitingForBatch = this.#waiting;
    this.#waiting = [];
    this.#writing = true;
    void Promise.all(batch.map((pending) => this.#writeOne(pending))).then((results) => {
      this.#writing = false;
      const isWritten = results.every(Boolean);
      for (const settle of this.#waitingForBatch.splice(0)) settle(isWritten);
      if (this.#pending.size === 0) return;
      if (isWritten) this.#schedule();
      else this.#retry = setTimeout(() => this.#writeAll(), RETRY_MS).unref();
    });
  }

  /** Returns whether the store could be reached. */
  async #writeOne(pending: Pending): Promise<boolean> {
    const { address, generation } = pending;
    const name = this.#nameOf(address);
    try {
      await this.#connected();
      if (pending.isRemoved) {
        this.#written.delete(name);
        await this.#client.eval(REMOVE_SCRIPT, 2, name, eventsOf(name), generation);
        return true;
      }
      const { state, goneForMs, events = [] } = pending;
      const isStored = await this.#client.eval(
        WRITE_SCRIPT,
        2,
        name,
        eventsOf(name),
        generation,
        this.options.origin.hub,
        pending.isRepeated ? '1' : '0',
        state ? this.#wrap(name, state()) : '',
        Math.ceil(goneForMs ?? LIVE_TTL_MS),
        pending.replacesEvents ? '1' : '0',
        pending.isTrimmed ? '1' : '0',
        ...events.map((event) => this.#wrap(name, event)),
      );
      this.#written.delete(name);
      if (isStored === 0) this.observer.onSuperseded(address, generation);
      else if (goneForMs === undefined) this.#written.set(name, performance.now());
      return true;
    } catch {
      this.#keep(name, pending);
      return false;
    }
  }

  /** What could not be written is written later, unless something newer is to be. */
  #keep(name: string, pending: Pending): void {
    const newer = this.#pending.get(name);
    if (!newer) {
      this.#pending.set(name, pending);
      return;
    }
    if (newer.isRemoved || pending.isRemoved || newer.generation !== pending.generation) return;
    newer.state ??= pending.state;
    if (newer.replacesEvents) return;
    newer.replacesEvents = pending.replacesEvents;
    newer.isTrimmed = pending.isTrimmed;
    newer.events = [...(pending.events ?? []), ...(newer.events ?? [])].slice(-MAX_EVENTS - 1);
  }

  /** Another server may have taken over that had not got the latest, or Redis was started anew without its data. */
  async #writeAgain(): Promise<void> {
    const outages = this.#outages;
    const isOfUse = () => outages === this.#outages && this.#clients.state === 'up';
    this.#showMyself();
    await this.observer.writeAgain(isOfUse);
    while (isOfUse() && !(await this.#isAllWritten()));
    if (!isOfUse()) return;
    this.#isComplete = true;
    this.#showMyself();
  }

  /** Whether what was given so far is stored, once it was tried; what could not be is tried again. */
  #isAllWritten(): Promise<boolean> {
    if (this.#pending.size === 0 && !this.#writing) return Promise.resolve(true);
    return new Promise((resolve) => {
      (this.#pending.size > 0 ? this.#waiting : this.#waitingForBatch).push(resolve);
    });
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
    this.#stamp().catch(() => undefined);
    const oldest = performance.now() - LIVE_TTL_MS / 2;
    for (const [name, writtenAt] of this.#written) {
      if (writtenAt > oldest) return;
      this.#written.delete(name);
      this.#written.set(name, performance.now());
      this.#client.pexpire(name, LIVE_TTL_MS).catch(() => undefined);
      this.#client.pexpire(eventsOf(name), LIVE_TTL_MS).catch(() => undefined);
    }
  }

  #stamp(left?: 'left'): Promise<unknown> {
    const { hub, podTag } = this.options.origin;
    const keptForMs = this.#keptForMs;
    return this.#client.set(
      this.#stampNameOf(hub),
      [podTag, keptForMs, ...(left ? [left] : []), ...(this.#isComplete ? [] : ['incomplete'])].join(' '),
      'PX',
      keptForMs,
    );
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
