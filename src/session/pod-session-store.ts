import { DEFAULT_COOKIE } from './default-cookie';
import { SessionError } from './errors';
import type {
  CookieWrite,
  PeekedSession,
  PodSessionStats,
  SaveOutcome,
  SessionWrite,
  StoredSession,
} from './pod-session-protocol';
import type { PodSessionSettings } from './pod-session-settings';
import { applyChanges, joinFields, splitFields } from './session-fields';

interface Entry {
  data: string;
  cookie: string;
  maxAgeMs: number | null;
  version: number;
  /** The version at which this session was made: what was read before that belongs to an earlier one of the same id. */
  bornAt: number;
  expiresAt: number;
  bytes: number;
}

/** What one session costs beside its texts: the entry, its place in the map, string headers. */
const ENTRY_BYTES = 256;

/** The text of a session in which nothing is stored. */
const EMPTY = '{}';

/** `originalMaxAge` drifts by a millisecond now and then while express-session renews a cookie. */
const MAX_AGE_DRIFT_MS = 1_000;

const WARN_EVERY_MS = 60_000;

/** Sessions in memory, as JSON text, each with its time to live, all within a bound on memory. */
export class PodSessionStore {
  // A map iterates in the order of insertion; each use moves its session to the end, so the first is the least recently used.
  private readonly entries = new Map<string, Entry>();
  private readonly sweepTimer: NodeJS.Timeout;
  private bytes = 0;
  private versions = 0;
  private evicted = 0;
  private expired = 0;
  private merged = 0;
  private gone = 0;
  private warnedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly settings: PodSessionSettings) {
    this.sweepTimer = setInterval(() => this.sweep(), settings.sweepEveryMs);
    this.sweepTimer.unref();
  }

  /** Reads a session and counts that as a use. */
  get(sid: string): StoredSession | null {
    const entry = this.live(sid);
    if (entry === undefined) return null;
    this.use(sid, entry);
    return { data: entry.data, cookie: entry.cookie, version: entry.version };
  }

  /** Reads several sessions without counting that as a use; leaves out those that are gone. */
  peek(sids: string[]): PeekedSession[] {
    const rows: PeekedSession[] = [];
    for (const sid of sids) {
      const entry = this.live(sid);
      if (entry === undefined) continue;
      const { data, cookie, version, expiresAt } = entry;
      rows.push({ sid, session: { data, cookie, version }, expiresAt });
    }
    return rows;
  }

  /**
   * Saves a session, merged by top-level key with what others saved meanwhile.
   * @throws SessionError `E_SESSION_TOO_LARGE` where the session alone is over the store's bound
   */
  set(sid: string, write: SessionWrite): SaveOutcome {
    const { base } = write;
    const current = this.live(sid);
    if (base.kind === 'read') {
      const isEarlierSession = current !== undefined && base.version !== null && Number(base.version) < current.bornAt;
      if (current === undefined || isEarlierSession) {
        this.gone++;
        return { outcome: 'gone' };
      }
    }
    if (isOver(write.cookie)) {
      this.destroy(sid);
      return { outcome: 'gone' };
    }

    const isUnchallenged =
      current === undefined || base.kind === 'replace' || (base.kind === 'read' && base.version === current.version);
    const data = isUnchallenged ? write.data : mergeInto(current.data, write);
    this.put(sid, current, data, write.cookie);
    if (isUnchallenged) return { outcome: 'stored', version: this.versions };
    this.merged++;
    return { outcome: 'merged' };
  }

  /** Renews a session's time to live and its cookie; answers whether there is such a session. */
  touch(sid: string, write: CookieWrite | null): boolean {
    const entry = this.live(sid);
    if (entry === undefined) return false;
    if (isOver(write)) {
      this.destroy(sid);
      return false;
    }
    this.remove(sid, entry);
    this.insert(sid, this.withCookie(entry, write));
    return true;
  }

  destroy(sid: string): boolean {
    const entry = this.live(sid);
    if (entry === undefined) return false;
    this.remove(sid, entry);
    return true;
  }

  clear(): void {
    this.entries.clear();
    this.bytes = 0;
  }

  /** The ids of all sessions that have not expired. */
  ids(): string[] {
    this.sweep();
    return [...this.entries.keys()];
  }

  stats(): PodSessionStats {
    return {
      sessions: this.entries.size,
      bytes: this.bytes,
      maxBytes: this.settings.maxBytes,
      evicted: this.evicted,
      expired: this.expired,
      merged: this.merged,
      gone: this.gone,
    };
  }

  close(): void {
    clearInterval(this.sweepTimer);
    this.clear();
  }

  private live(sid: string): Entry | undefined {
    const entry = this.entries.get(sid);
    if (entry === undefined) return undefined;
    if (entry.expiresAt > this.settings.now()) return entry;
    this.remove(sid, entry);
    this.expired++;
    return undefined;
  }

  private put(sid: string, current: Entry | undefined, data: string, cookie: CookieWrite | null): void {
    const version = this.versions + 1;
    const before = current ?? {
      cookie: DEFAULT_COOKIE,
      maxAgeMs: null,
      bornAt: version,
      expiresAt: this.settings.now() + this.settings.defaultTtlMs,
      bytes: 0,
    };
    const entry = this.withCookie({ ...before, data, version }, cookie);
    const size = sizeOf(sid, entry);
    if (size > this.settings.maxBytes) {
      throw new SessionError(
        'E_SESSION_TOO_LARGE',
        `A session of ${size} bytes does not fit into the pod's session store of ${this.settings.maxBytes} bytes: keep less in it, or raise FLOTILLA_SESSION_BYTES.`,
      );
    }
    this.versions = version;
    if (current !== undefined) this.remove(sid, current);
    this.insert(sid, entry);
    this.evict();
  }

  /**
   * The same session with a written cookie and its time renewed. The stored cookie stays where the written one would undo
   * a change of the cookie's age made by somebody else.
   */
  private withCookie(entry: Entry, write: CookieWrite | null): Entry {
    if (write === null) return { ...entry };
    const isOurChange = write.readMaxAgeMs === undefined || !isSameAge(write.readMaxAgeMs, write.maxAgeMs);
    const isUndoing = !isOurChange && !isSameAge(entry.maxAgeMs, write.maxAgeMs);
    const { cookie, maxAgeMs } = isUndoing ? entry : { cookie: write.text, maxAgeMs: write.maxAgeMs };
    const fullTtlMs = (isUndoing ? maxAgeMs : write.ttlMs) ?? this.settings.defaultTtlMs;
    const ttlMs = entry.data === EMPTY ? Math.min(fullTtlMs, write.emptyTtlMs ?? fullTtlMs) : fullTtlMs;
    return { ...entry, cookie, maxAgeMs, expiresAt: this.settings.now() + ttlMs };
  }

  private use(sid: string, entry: Entry): void {
    this.entries.delete(sid);
    this.entries.set(sid, entry);
  }

  private insert(sid: string, entry: Entry): void {
    entry.bytes = sizeOf(sid, entry);
    this.entries.set(sid, entry);
    this.bytes += entry.bytes;
  }

  private remove(sid: string, entry: Entry): void {
    this.entries.delete(sid);
    this.bytes -= entry.bytes;
  }

  private evict(): void {
    if (this.bytes <= this.settings.maxBytes) return;
    for (const [sid, entry] of this.entries) {
      if (this.bytes <= this.settings.maxBytes) break;
      this.remove(sid, entry);
      if (entry.expiresAt <= this.settings.now()) {
        this.expired++;
      } else {
        this.evicted++;
        this.warnFull();
      }
    }
  }

  private warnFull(): void {
    const now = this.settings.now();
    if (now - this.warnedAt < WARN_EVERY_MS) return;
    this.warnedAt = now;
    this.settings.log?.warn(
      `The pod's session store is full (${this.settings.maxBytes} bytes, ${this.entries.size} sessions): least recently used sessions are dropped, ${this.evicted} so far. Raise FLOTILLA_SESSION_BYTES, or shorten the sessions' maxAge.`,
    );
  }

  private sweep(): void {
    const now = this.settings.now();
    for (const [sid, entry] of this.entries) {
      if (entry.expiresAt > now) continue;
      this.remove(sid, entry);
      this.expired++;
    }
  }
}

function mergeInto(currentData: string, write: SessionWrite): string {
  const written = splitFields(write.data);
  const changes =
    write.base.kind === 'read'
      ? { changed: write.base.changed, removed: write.base.removed }
      : { changed: [...written.keys()], removed: [] };
  return joinFields(applyChanges(splitFields(currentData), written, changes));
}

function isOver(cookie: CookieWrite | null): boolean {
  return cookie?.ttlMs !== undefined && cookie.ttlMs <= 0;
}

function isSameAge(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(one - other) < MAX_AGE_DRIFT_MS;
}

function sizeOf(sid: string, entry: Pick<Entry, 'data' | 'cookie'>): number {
  return ENTRY_BYTES + sid.length + Buffer.byteLength(entry.data) + Buffer.byteLength(entry.cookie);
}
