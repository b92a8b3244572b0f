import type session from 'express-session';
import type {
  CallSessionService,
  CookieWrite,
  SaveBase,
  SaveOutcome,
  SessionWrite,
  StoredSession,
} from './pod-session-protocol';
import { compareFields, fieldsOf, joinFields, splitFields } from './session-fields';

/** The module `express-session`, in whichever version the app's Sails brings. */
export type ExpressSession = typeof session;

/** A session store as express-session and Sails use it. */
export interface PodSessionStoreClient extends session.Store {
  all(callback: ResultCallback<session.SessionData[]>): void;
  length(callback: ResultCallback<number>): void;
  clear(callback?: DoneCallback): void;
  touch(sid: string, data: session.SessionData, callback?: DoneCallback): void;
}

type DoneCallback = (error?: unknown) => void;
type ResultCallback<T> = (error: unknown, result?: T) => void;

/** The state of a session that its holder read or saved last. */
interface KnownState {
  sid: string;
  data: string;
  version: number | null;
  maxAgeMs: number | null | undefined;
}

/** How many sessions `all` asks for at a time. */
const PEEK_BATCH = 500;

/**
 * Makes the session adapter that Sails takes as `sails.config.session.adapter`: a function from express-session to a
 * store class, whose sessions live in the pod's session service.
 *
 * Errors of the call (`E_HUB_UNAVAILABLE`, `E_HUB_TIMEOUT`, `E_SESSION_TOO_LARGE`) go to the callbacks.
 *
 * The store remembers what each session object was when it was read, so that a save sends only the top-level keys that
 * its holder changed; docs/sessions.md says what that promises.
 */
export function createPodSessionAdapter(
  call: CallSessionService,
): (expressSession: ExpressSession) => new () => PodSessionStoreClient {
  return (expressSession) => {
    class PodSessionStoreClass extends expressSession.Store implements PodSessionStoreClient {
      // Keyed by the object that holds a session: first what `get` answered, then the Session that express-session makes of it.
      private readonly known = new WeakMap<object, KnownState>();

      override get(sid: string, callback: (error: unknown, data?: session.SessionData | null) => void): void {
        answer(
          call('get', [sid]).then((stored) => this.revive(sid, stored as StoredSession | null)),
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
        answer(
          call('touch', [sid, cookieWrite(data, this.knownState(sid, data))]),
          callback && ((error) => callback(error)),
        );
      }

      override destroy(sid: string, callback?: DoneCallback): void {
        answer(call('destroy', [sid]), callback && ((error) => callback(error)));
      }

      override clear(callback?: DoneCallback): void {
        answer(call('clear', []), callback && ((error) => callback(error)));
      }

      override length(callback: ResultCallback<number>): void {
        answer(call('length', []) as Promise<number>, callback);
      }

      /** All sessions, each with its id in `id`; may miss those that are made meanwhile. */
      override all(callback: ResultCallback<session.SessionData[]>): void {
        answer(this.readAll(), callback);
      }

      private async readAll(): Promise<session.SessionData[]> {
        const ids = (await call('ids', [])) as string[];
        const sessions: session.SessionData[] = [];
        for (let from = 0; from < ids.length; from += PEEK_BATCH) {
          const rows = (await call('peek', [ids.slice(from, from + PEEK_BATCH)])) as {
            sid: string;
            session: StoredSession;
          }[];
          for (const row of rows) sessions.push(Object.assign(parse(row.session), { id: row.sid }));
        }
        return sessions;
      }

      private revive(sid: string, stored: StoredSession | null): session.SessionData | null {
        if (stored === null) return null;
        const data = parse(stored);
        this.known.set(data, {
          sid,
          data: stored.data,
          version: stored.version,
          maxAgeMs: data.cookie.originalMaxAge,
        });
        return data;
      }

      private async save(sid: string, holder: session.SessionData): Promise<undefined> {
        const fields = fieldsOf(holder);
        const data = joinFields(fields);
        const known = this.knownState(sid, holder);
        const cookie = cookieWrite(holder, known);

        let base: SaveBase;
        if (known === undefined) {
          base = { kind: holder instanceof expressSession.Session ? 'new' : 'replace' };
        } else if (known.data === data) {
          await call('touch', [sid, cookie]);
          return;
        } else {
          base = { kind: 'read', version: known.version, ...compareFields(splitFields(known.data), fields) };
        }

        // A second save may start before this one is answered: it builds on this state, whose version is not known yet.
        const sent: KnownState = { sid, data, version: null, maxAgeMs: cookie?.maxAgeMs };
        this.known.set(holder, sent);
        try {
          const outcome = (await call('set', [sid, { data, cookie, base } satisfies SessionWrite])) as SaveOutcome;
          if (outcome.outcome === 'stored') sent.version = outcome.version;
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
    return PodSessionStoreClass;
  };
}

function parse(stored: StoredSession): session.SessionData {
  return Object.assign(JSON.parse(stored.data) as object, { cookie: JSON.parse(stored.cookie) as session.Cookie });
}

function cookieWrite(holder: session.SessionData, known: KnownState | undefined): CookieWrite | null {
  // Data that code of an app stores by itself may come without a cookie.
  const cookie = holder.cookie as session.Cookie | undefined;
  if (!cookie) return null;
  const write: CookieWrite = { text: JSON.stringify(cookie), maxAgeMs: cookie.originalMaxAge ?? null };
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
