import type { RedisClient, RedisClients } from '../../redis';
import type { BusCounters } from '../counters';
import type { BusLog } from '../fleet';
import type { LinkEnvelope } from './envelope';
import type { LinkLog, LinkReceiver, LoggedEntry, OnLogged } from './link';
import { compareLogIds, LOG_START, nextLogId } from './log-id';
import { NewestFitting } from './newest-fitting';
import { Unconfirmed } from './unconfirmed';

/** So long a read waits for something to come; a PING behind it is answered after that. */
const BLOCK_MS = 1_000;
const ENTRIES_A_READ = 500;
const CATCH_UP_MS = 2_000;
/** After a read that failed. */
const RETRY_MS = 100;
/** Each entry begins with its sender's count, so that a reader notices what is missing and what came twice. */
const COUNT_BYTES = 6;
/** The count of an entry that says: something is missing before here. */
const GAP = 0;
/** So many senders are remembered. */
const MAX_SENDERS = 10_000;
const FIELD = 'b';
/** The smallest there can be. */
const FIRST_ID = '0-1';
const NOTHING = Buffer.alloc(0);

/** What stands in an entry. */
interface Entry extends Omit<LoggedEntry, 'logId'> {
  count: number;
}

/** An entry as Redis gives it. */
type RawEntry = [id: Buffer, fields: Buffer[] | null];

export interface StreamLogOptions {
  /** Name of the stream. */
  key: string;
  /** About so many entries are kept, */
  maxEntries: number;
  /** and of larger ones as many as fit in here, though not fewer than are read at once. */
  maxBytes: number;
  /** The sending hub. */
  hub: string;
  envelope: LinkEnvelope;
  clients: RedisClients;
  writer: RedisClient;
  reader: RedisClient;
  log: BusLog;
  counters: BusCounters;
  /** Runs where the reader is told that there is nothing, although there is: to be connected anew. */
  onDeaf: () => void;
}

/**
 * One Redis stream that every pod writes to and reads: all messages of the fleet in one order. Reading goes on where an
 * outage has interrupted it, so what others wrote meanwhile is not lost; each sender counts its entries, so that a reader
 * notices a hole.
 */
export class StreamLog implements LinkLog {
  readonly #unconfirmed: Unconfirmed;
  readonly #fitting: NewestFitting;
  /** The stream is never trimmed to fewer. */
  readonly #minEntries: number;
  /** The last count that was seen of each sending hub. */
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Set<() => void>();
  #receiver: LinkReceiver | undefined;
  #position = LOG_START;
  /** The last own entry that Redis has said it has. */
  #lastWritten = LOG_START;
  #count = 0;
  /** Counts up at each outage: what was begun before it has no say. */
  #session = 0;
  #isOpen = false;
  #wasOpen = false;
  #closed = false;
  /** What Redis has last refused, by what was tried; nothing since it was done. */
  readonly #refusals = new Map<'open' | 'read' | 'write', string>();

  constructor(private readonly options: StreamLogOptions) {
    const { maxEntries, maxBytes } = options;
    this.#unconfirmed = new Unconfirmed(() => options.counters.dropped('link-down'));
    this.#fitting = new NewestFitting(maxEntries, maxBytes);
    this.#minEntries = Math.min(ENTRIES_A_READ, maxEntries);
  }

  get position(): string {
    return this.#position;
  }

  /** Whether messages are written at once. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether Redis lets this pod read. */
  get isRead(): boolean {
    return !this.#refusals.has('read');
  }

  /**
   * Begins after what is in the log now, or goes on where it was left. To be called when Redis is there, again after each
   * outage and where it was refused.
   * @param onFirst called at the first time, before anything is written
   * @returns whether it may be tried again although there is no outage: Redis has refused something
   */
  async open(receiver: LinkReceiver, onFirst: () => void): Promise<'open' | 'refused' | 'away'> {
    const session = ++this.#session;
    this.#receiver = receiver;
    this.#tellWaiting();
    try {
      await this.#openIn(session, onFirst);
    } catch (error) {
      const isRefusal = (error as Error).name === 'ReplyError';
      if (session !== this.#session || this.#closed || !isRefusal) return 'away';
      this.#complain('open', error as Error);
      return 'refused';
    }
    if (!this.#isOpen) return 'away';
    this.#refusals.delete('open');
    return 'open';
  }

  async #openIn(session: number, onFirst: () => void): Promise<void> {
    if (!this.#wasOpen) this.#position = await this.#begin();
    else if (await this.#hasLostEntries()) await this.#bridgeLoss();
    if (session !== this.#session || this.#closed) return;
    void this.#readOn(session);
    // Own entries of which nobody knows whether they were written are there by then, or never will be.
    if (this.#wasOpen) await this.#reach(await this.#tail(), undefined);
    if (session !== this.#session || this.#closed) return;
    this.#isOpen = true;
    if (!this.#wasOpen) {
      this.#wasOpen = true;
      const early = this.#unconfirmed.takeOut();
      onFirst();
      for (const { body, onLogged } of early) this.append(body, onLogged);
    } else {
      for (const { count, body } of this.#unconfirmed.takeFresh()) this.#write(count, body);
    }
    this.tellDropped();
  }

  /** Writes that something is missing, where that is so; to be called now and then, since Redis may refuse this as well. */
  tellDropped(): void {
    if (!this.#isOpen || !this.#unconfirmed.hasDropped) return;
    this.#unconfirmed.hasDropped = false;
    this.#write(GAP, NOTHING);
  }

  /** Redis is away. */
  pause(): void {
    this.#session += 1;
    this.#isOpen = false;
    this.#tellWaiting();
  }

  append(body: Buffer, onLogged?: OnLogged): void {
    if (this.#closed) return;
    this.#count += 1;
    this.#unconfirmed.add({ count: this.#count, body, onLogged }, this.#isOpen);
    if (this.#isOpen) this.#write(this.#count, body);
  }

  async caughtUp(): Promise<void> {
    if (!this.#isOpen) throw new Error('the link is away');
    await this.#reach(await this.#tail(), CATCH_UP_MS);
  }

  async readBack(after: string, upTo: string): Promise<LoggedEntry[] | undefined> {
    const { writer, key } = this.options;
    const entries: LoggedEntry[] = [];
    if (compareLogIds(after, upTo) >= 0) return entries;
    const counts = new Map<string, number>();
    // Where the entry itself is still there, so is everything after it.
    if (!(await this.#has(after))) return undefined;
    // It is read as well, for its sender's count.
    let from = after;
    for (;;) {
      const read = await writer.xrangeBuffer(key, from, upTo, 'COUNT', 2 * ENTRIES_A_READ);
      for (const raw of read as unknown as RawEntry[]) {
        const logId = raw[0].toString('latin1');
        from = nextLogId(logId);
        const entry = this.#decode(raw);
        if (!entry) continue;
        const { origin, count, body } = entry;
        const last = counts.get(origin.hub);
        const isGap = count === GAP || (last !== undefined && count > last + 1);
        if (isGap && logId !== after) throw new Error('messages are missing in the log of the link');
        if (count === GAP || (last !== undefined && count <= last)) continue;
        counts.set(origin.hub, count);
        if (body.length > 0 && logId !== after) entries.push({ logId, origin, body });
      }
      if (read.length < 2 * ENTRIES_A_READ) break;
    }
    return (await this.#has(after)) ? entries : undefined;
  }

  close(): void {
    this.#closed = true;
    this.#session += 1;
    this.#isOpen = false;
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    for (const look of this.#waiting) look();
  }

  /** Says what Redis refuses, once until it is done or something else is the matter. */
  #complain(what: 'open' | 'read' | 'write', error: Error): void {
    if (this.#refusals.get(what) === error.message) return;
    this.#refusals.set(what, error.message);
    this.options.log.error(`Flotilla: Redis refuses to ${what} the log of the link: ${error.message}; trying on`);
  }

  #wrap(count: number, body: Buffer): Buffer {
    const counted = Buffer.allocUnsafe(COUNT_BYTES + body.length);
    counted.writeUIntLE(count, 0, COUNT_BYTES);
    counted.set(body, COUNT_BYTES);
    return this.options.envelope.wrap(this.options.key, counted);
  }

  #write(count: number, body: Buffer): void {
    const { writer, key, counters } = this.options;
    const session = this.#session;
    const maxEntries = Math.max(this.#minEntries, this.#fitting.count);
    const bytes = this.#wrap(count, body);
    counters.linkSent(bytes.length);
    writer.xadd(key, 'MAXLEN', '~', maxEntries, '*', FIELD, bytes).then(
      (id) => {
        this.#refusals.delete('write');
        if (id) this.#isWritten(count, id, session);
      },
      (error: Error) => {
        // Lost with its connection: what is unconfirmed is written again when that is back.
        if (error.name === 'ReplyError') {
          this.#complain('write', error);
          this.#unconfirmed.refuse(count);
        }
        if (count === GAP) this.#unconfirmed.hasDropped = true;
      },
    );
  }

  #isWritten(count: number, id: string, session: number): void {
    if (compareLogIds(id, this.#lastWritten) > 0) this.#lastWritten = id;
    // It stands before what has been read, and was not among it: the log has begun anew, with smaller ids.
    if (compareLogIds(id, this.#position) <= 0 && this.#unconfirmed.has(count)) this.#isDeaf(session);
  }

  /** Ends the session, so that this is said once. */
  #isDeaf(session: number): void {
    if (session !== this.#session) return;
    this.pause();
    this.options.onDeaf();
  }

  async #readOn(session: number): Promise<void> {
    const { reader, key } = this.options;
    while (session === this.#session) {
      const hasUnread = compareLogIds(this.#lastWritten, this.#position) > 0;
      const read = await reader
        .xreadBuffer('COUNT', ENTRIES_A_READ, 'BLOCK', BLOCK_MS, 'STREAMS', key, this.#position)
        .catch((error: Error) => error);
      if (session !== this.#session) return;
      if (read instanceof Error) {
        // A lost connection is an outage, which ends this session.
        if (read.name === 'ReplyError') this.#complain('read', read);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      this.#refusals.delete('read');
      const entries = (read?.[0]?.[1] ?? []) as unknown as RawEntry[];
      if (entries.length === 0 && hasUnread) {
        this.#isDeaf(session);
        return;
      }
      const isTrimmed = await this.#isTrimmedBefore(entries);
      if (session !== this.#session) return;
      if (isTrimmed) this.#tellGap();
      for (const entry of entries) this.#handle(entry);
      if (entries.length > 0) this.#tellWaiting();
    }
  }

  /**
   * Whether entries may have been trimmed between the last that was handled and these. A stream is never trimmed to fewer
   * than `#minEntries`, so there is nothing to ask where fewer came.
   */
  async #isTrimmedBefore(entries: RawEntry[]): Promise<boolean> {
    if (entries.length < this.#minEntries) return false;
    return !(await this.#has(this.#position).catch(() => false));
  }

  #tellGap(): void {
    this.options.counters.link.gaps += 1;
    this.#receiver?.onGap?.();
  }

  #handle(raw: RawEntry): void {
    this.#position = raw[0].toString('latin1');
    this.#fitting.add(raw[1]?.[1]?.length ?? 0);
    const entry = this.#decode(raw);
    if (!entry) return;
    try {
      this.#tell(entry);
    } catch (error) {
      // Whoever is told must not end the reading.
      this.options.counters.failed(error);
    }
  }

  #tell({ origin, count, body }: Entry): void {
    const { hub, counters, key } = this.options;
    if (count === GAP) {
      if (origin.hub !== hub) this.#tellGap();
      return;
    }
    const last = this.#counts.get(origin.hub);
    if (last !== undefined && count <= last) {
      counters.link.duplicates += 1;
      return;
    }
    this.#counts.delete(origin.hub);
    this.#counts.set(origin.hub, count);
    if (this.#counts.size > MAX_SENDERS) this.#counts.delete(this.#counts.keys().next().value as string);
    if (origin.hub === hub) {
      this.#unconfirmed.confirm(count)?.onLogged?.(this.#position);
      return;
    }
    if (last !== undefined && count > last + 1) this.#tellGap();
    if (body.length > 0) this.#receiver?.onMessage(body, origin, key, this.#position);
  }

  #decode([, fields]: RawEntry): Entry | undefined {
    const { envelope, counters, key } = this.options;
    const bytes = fields?.[1];
    if (!bytes) return undefined;
    const unwrapped = envelope.unwrap(key, bytes);
    const reason = typeof unwrapped === 'string' ? unwrapped : unwrapped.body.length < COUNT_BYTES ? 'malformed' : '';
    if (typeof unwrapped === 'string' || reason !== '') {
      counters.dropped(reason as 'malformed');
      return undefined;
    }
    if (unwrapped.origin.hub !== this.options.hub) counters.linkReceived(bytes.length);
    const { origin, body } = unwrapped;
    return { origin, count: body.readUIntLE(0, COUNT_BYTES), body: body.subarray(COUNT_BYTES) };
  }

  /**
   * Whether Redis has lost entries that it had: it was started anew without them, or another server took over that did not
   * have them yet. Trimmed entries are no loss.
   */
  async #hasLostEntries(): Promise<boolean> {
    const { writer, key } = this.options;
    for (const id of [this.#position, this.#lastWritten]) {
      if (id === LOG_START || (await this.#has(id))) continue;
      const first = await this.#edge('first');
      const isTrimmed =
        first !== undefined && compareLogIds(first, id) > 0 && (await writer.xlen(key)) >= this.#minEntries;
      if (!isTrimmed) return true;
    }
    return false;
  }

  /** Tells this pod and the others of the loss, and keeps the ids rising although the stream may begin anew. */
  async #bridgeLoss(): Promise<void> {
    const { writer, key, log } = this.options;
    if (!this.#refusals.has('open'))
      log.warn('Flotilla: Redis has lost messages between pods; clients that were away meanwhile are not recovered');
    this.#tellGap();
    const marker = this.#wrap(GAP, NOTHING);
    const latest = compareLogIds(this.#position, this.#lastWritten) > 0 ? this.#position : this.#lastWritten;
    if (compareLogIds(await this.#tail(), latest) < 0) {
      // Refused where somebody else was faster: then the ids have gone on already.
      if (await writer.xadd(key, nextLogId(latest), FIELD, marker).catch(() => undefined)) return;
    }
    await writer.xadd(key, '*', FIELD, marker);
  }

  /**
   * Where to begin to read. A stream that has nothing yet is begun, so that there always is an entry whose presence shows
   * that nothing after it was trimmed. Of several pods that start at once, one can take this id.
   */
  async #begin(): Promise<string> {
    const { writer, key } = this.options;
    const tail = await this.#tail();
    if (tail !== LOG_START) return tail;
    const begun = writer.xadd(key, FIRST_ID, FIELD, this.#wrap(GAP, NOTHING));
    return begun.catch(async (error: Error) => {
      const other = await this.#tail();
      if (other === LOG_START) throw error;
      return other;
    }) as Promise<string>;
  }

  async #has(id: string): Promise<boolean> {
    const { writer, key } = this.options;
    return (await writer.xrange(key, id, id)).length > 0;
  }

  async #tail(): Promise<string> {
    return (await this.#edge('last')) ?? LOG_START;
  }

  async #edge(edge: 'first' | 'last'): Promise<string | undefined> {
    const { writer, key } = this.options;
    const [entry] =
      edge === 'first'
        ? await writer.xrange(key, '-', '+', 'COUNT', 1)
        : await writer.xrevrange(key, '+', '-', 'COUNT', 1);
    return entry?.[0];
  }

  /** Settles when this pod has handled everything up to an entry. */
  #reach(id: string, limitMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const session = this.#session;
      let timer: NodeJS.Timeout | undefined;
      const look = () => {
        const isReached = compareLogIds(this.#position, id) >= 0;
        if (!isReached && session === this.#session && !this.#closed) return;
        end();
        if (isReached) resolve();
        else reject(new Error('the link was lost'));
      };
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      if (limitMs !== undefined) {
        timer = setTimeout(() => {
          end();
          reject(new Error(`the log of the link was not read within ${limitMs} ms`));
        }, limitMs);
      }
      this.#waiting.add(look);
      look();
    });
  }
}
