import type session from 'express-session';
import type { CookieWrite, SaveBase } from './pod-session-protocol';
import type { FoundSession, SessionBackend, SessionVersion } from './session-backend';
import { compareFields, fieldsOf, type SessionFields } from './session-fields';
import { type SessionOperation, SessionOperations, type SessionStoreStats } from './session-operations';
import { TouchThrottle } from './touch-throttle';

/** The module `express-session`, in whichever version the app's Sails brings. */
export type ExpressSession = typeof session;

/** What Sails takes as `sails.config.session.adapter`: a function from express-session to a store class. */
export type SessionAdapter = (expressSession: ExpressSession) => new () => SessionStore;

/** A session store as express-session and Sails use it. */
export interface SessionStore extends session.Store {
  /** What it has done in this process. */
  readonly stats: SessionStoreStats;
  all(callback: ResultCallback<session.SessionData[]>): void;
  length(callback: ResultCallback<number>): void;
  clear(callback?: DoneCallback): void;
  touch(sid: string, data: session.SessionData, callback?: DoneCallback): void;
}

/** Settings of the store class. */
export interface SessionStoreSettings {
  /** How long an operation may take, in milliseconds. Default 2000. */
  timeoutMs?: number;
  /** A session in use is touched at most this often by one process, in milliseconds. Default 60000. */
  touchEveryMs?: number;
  /** How long a session lives at most while nothing is stored in it, in milliseconds. Default 10 minutes. */
  emptyTtlMs?: number;
}

/** The defaults of {@link SessionStoreSettings}. */
export const DEFAULT_SESSION_STORE_SETTINGS: Required<SessionStoreSettings> = {
  timeoutMs: 2_000,
  touchEveryMs: 60_000,
  emptyTtlMs: 600_000,
};

type DoneCallback = (error?: unknown) => void;
type ResultCallback<T> = (error: unknown, result?: T) => void;

/** The state of a session that its holder read or saved last. */
interface KnownState {
  sid: string;
  fields: () => SessionFields;
  version: SessionVersion | null;
  maxAgeMs: number | null | undefined;
}

/** How many sessions `all` asks for at a time. */
const PEEK_BATCH = 500;

/** For how long a touch keeps a session whose cookie ends with the browser, at least. */
const BROWSER_SESSION_MS = 24 * 60 * 60 * 1000;

/**
 * Makes a session adapter whose sessions live in this backend.
 *
 * Errors go to the callbacks: `E_SESSION_UNAVAILABLE` where the backend fails or does not answer in time,
 * `E_SESSION_TOO_LARGE` where it has no room.
 *
 * The store remembers what each session object was when it was read, so that a save sends only the top-level keys that
 * its holder changed; docs/sessions.md says what that promises.
 */
export function createSessionAdapter(backend: SessionBackend, settings: SessionStoreSettings = {}): SessionAdapter {
  const { timeoutMs, touchEveryMs, emptyTtlMs } = { ...DEFAULT_SESSION_STORE_SETTINGS, ...settings };
  return (expressSession) => {
    class FlotillaSessionStore extends expressSession.Store implements SessionStore {
      // Keyed by the object that holds a session: first what `get` answered, then the Session that express-session makes of it.
      private readonly known = new WeakMap<object, KnownState>();
      private readonly operations = new SessionOperations(timeoutMs);
      private readonly throttle = new TouchThrottle(touchEveryMs);

      get stats(): SessionStoreStats {
        return this.operations.stats;
      }

      override get(sid: string, callback: (error: unknown, data?: session.SessionData | null) => void): void {
        answer(
          this.run('get', () => backend.get(sid)).then((found) => this.remember(sid, found)),
          callback,
        );
      }

      override createSession(
        req: Parameters<session.Store['createSession']>[0],
        data: session.SessionData,
      ): session.Session & session.SessionData {
        const known = this.known.get(data);
        const holder = super.createSession(req, data);
        if (known !== undefined) this.known.set(holder, known);
        return holder;
      }

      override set(sid: string, data: session.SessionData, callback?: DoneCallback): void {
        answer(this.save(sid, data), callback);
      }

      override touch(sid: string, data: session.SessionData, callback?: DoneCallback): void {
        answer(this.renew(sid, data, this.knownState(sid, data)), callback && ((error) => callback(error)));
      }

      override destroy(sid: string, callback?: DoneCallback): void {
        this.throttle.forget(sid);
        answer(
          this.run('destroy', () => backend.destroy(sid)),
          callback && ((error) => callback(error)),
        );
      }

      override clear(callback?: DoneCallback): void {
        this.throttle.clear();
        answer(
          this.run('destroy', () => backend.clear()),
          callback && ((error) => callback(error)),
        );
      }

      override length(callback: ResultCallback<number>): void {
        answer(
          this.run('list', () => backend.ids()).then((ids) => ids.length),
          callback,
        );
      }

      /** All sessions, each with its id in `id`; may miss those that are made meanwhile. */
      override all(callback: ResultCallback<session.SessionData[]>): void {
        answer(this.readAll(), callback);
      }

      private run<T>(operation: SessionOperation, act: () => Promise<T>): Promise<T> {
        return this.operations.run(operation, act);
      }

      private async readAll(): Promise<session.SessionData[]> {
        const ids = await this.run('list', () => backend.ids());
        const sessions: session.SessionData[] = [];
        for (let from = 0; from < ids.length; from += PEEK_BATCH) {
          const rows = await this.run('list', () => backend.peek(ids.slice(from, from + PEEK_BATCH)));
          for (const row of rows) sessions.push(Object.assign(row.data, { id: row.sid }));
        }
        return sessions;
      }

      private remember(sid: string, found: FoundSession | 'corrupt' | null): session.SessionData | null {
        if (found === 'corrupt') this.stats.corrupt += 1;
        if (found === 'corrupt' || found === null) return null;
        const { data, fieldsRead, version } = found;
        this.known.set(data, { sid, fields: fieldsRead, version, maxAgeMs: data.cookie.originalMaxAge ?? null });
        return data;
      }

      private async save(sid: string, holder: session.SessionData): Promise<undefined> {
        const fields = fieldsOf(holder);
        const known = this.knownState(sid, holder);
        const cookie = cookieWrite(holder, known, emptyTtlMs);

        let base: SaveBase;
        if (known === undefined) {
          base = { kind: holder instanceof expressSession.Session ? 'new' : 'replace' };
        } else {
          const changes = compareFields(known.fields(), fields);
          if (changes.changed.length + changes.removed.length === 0) {
            await this.renew(sid, holder, known);
            return;
          }
          base = { kind: 'read', version: known.version, ...changes };
        }
        await this.write(sid, holder, known, { fields, cookie, base });
      }

      /** Keeps a session alive whose fields have not changed; its cookie may have. */
      private async renew(sid: string, holder: session.SessionData, known: KnownState | undefined): Promise<undefined> {
        const cookie = cookieWrite(holder, known, emptyTtlMs);
        if (known !== undefined && cookie !== null && !isSameAge(cookie.maxAgeMs, known.maxAgeMs ?? null)) {
          const base: SaveBase = { kind: 'read', version: known.version, changed: [], removed: [] };
          await this.write(sid, holder, known, { fields: known.fields(), cookie, base });
          return;
        }
        const ageMs = Math.min(cookie?.ttlMs ?? BROWSER_SESSION_MS, emptyTtlMs);
        if (this.throttle.holds(sid, ageMs)) {
          this.stats.touchesSpared += 1;
          return;
        }
        await this.run('touch', () => backend.touch(sid, cookie));
        this.throttle.touched(sid);
      }

      private async write(
        sid: string,
        holder: session.SessionData,
        known: KnownState | undefined,
        request: { fields: SessionFields; cookie: CookieWrite | null; base: SaveBase },
      ): Promise<void> {
        // A second save may start before this one is answered: it builds on this state, whose version is not known yet.
        const { fields, cookie } = request;
        const sent: KnownState = { sid, fields: () => fields, version: null, maxAgeMs: cookie?.maxAgeMs };
        this.known.set(holder, sent);
        try {
          const saved = await this.run('save', () => backend.save(sid, request));
          if (saved.outcome === 'stored') sent.version = saved.version;
          else this.stats[saved.outcome] += 1;
          if (saved.outcome !== 'gone') this.throttle.touched(sid);
        } catch (error) {
          if (this.known.get(holder) === sent) {
            if (known === undefined) this.known.delete(holder);
            else this.known.set(holder, known);
          }
          throw error;
        }
      }

      private knownState(sid: string, holder: object): KnownState | undefined {
        const known = this.known.get(holder);
        return known?.sid === sid ? known : undefined;
      }
    }
    return FlotillaSessionStore;
  };
}

/** `originalMaxAge` drifts by a millisecond now and then while express-session renews a cookie. */
const MAX_AGE_DRIFT_MS = 1_000;

/** Whether two ages of a cookie are the same but for that drift. */
export function isSameAge(one: number | null, other: number | null): boolean {
  if (one === null || other === null) return one === other;
  return Math.abs(one - other) < MAX_AGE_DRIFT_MS;
}

function cookieWrite(
  holder: session.SessionData,
  known: KnownState | undefined,
  emptyTtlMs: number,
): CookieWrite | null {
  // Data that code of an app stores by itself may come without a cookie.
  const cookie = holder.cookie as session.Cookie | undefined;
  if (!cookie) return null;
  const write: CookieWrite = { text: JSON.stringify(cookie), maxAgeMs: cookie.originalMaxAge ?? null };
  if (Number.isFinite(emptyTtlMs)) write.emptyTtlMs = emptyTtlMs;
  if (known?.maxAgeMs !== undefined) write.readMaxAgeMs = known.maxAgeMs;
  const expiresAt = cookie.expires ? new Date(cookie.expires).getTime() : Number.NaN;
  if (!Number.isNaN(expiresAt)) write.ttlMs = expiresAt - Date.now();
  return write;
}

/** Hands a promise's outcome to a callback; what the callback throws is its own and not the promise's. */
function answer<T>(outcome: Promise<T>, callback: ((error: unknown, result?: T) => void) | undefined): void {
  outcome.then(
    (result) => callback && process.nextTick(callback, null, result),
    (error: unknown) => callback && process.nextTick(callback, error),
  );
}
