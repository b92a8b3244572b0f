import type { HubService } from '../bus/hub-services';

/** The name under which the hub offers the pod's session store. */
export const POD_SESSION_SERVICE = 'session';

/** What a read answers: a session as it was stored, in JSON text. */
export interface StoredSession {
  /** The session without its cookie, as JSON. */
  data: string;
  /** The session's cookie, as JSON. */
  cookie: string;
  /** Grows with every change of `data` over all sessions of a store; names the state that a later save is based on. */
  version: number;
}

/** A session among others, as `peek` answers it. */
export interface PeekedSession {
  sid: string;
  session: StoredSession;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** The cookie of a session that is saved or touched. */
export interface CookieWrite {
  /** As JSON. */
  text: string;
  /** Its `originalMaxAge` in milliseconds; `null` for a cookie that ends with the browser. */
  maxAgeMs: number | null;
  /** The `originalMaxAge` that this writer had read, where it read the session. */
  readMaxAgeMs?: number | null;
  /** Milliseconds until the session expires; without it the store's default counts. */
  ttlMs?: number;
  /** How long a session lives at most while it is empty, in milliseconds; without it as long as any other. */
  emptyTtlMs?: number;
}

/**
 * What a save is based on:
 * `replace`: nothing is known, the given state takes the place of the stored one;
 * `new`: the session was made by this writer, its keys are added to what may be there meanwhile;
 * `read`: the session was read at `version` (`null`: that version is not known any more), and only these keys changed.
 */
export type SaveBase =
  | { kind: 'replace' }
  | { kind: 'new' }
  | { kind: 'read'; version: number | string | null; changed: string[]; removed: string[] };

/** A save. */
export interface SessionWrite {
  /** The session without its cookie as its writer sees it, as JSON. */
  data: string;
  /** Without it (an app that stores data by itself) a stored cookie stays, and a new session gets express-session's default. */
  cookie: CookieWrite | null;
  base: SaveBase;
}

/**
 * What became of a save:
 * `stored`: the stored state is the writer's, at `version`;
 * `merged`: the writer's changes were put into a state that others had changed meanwhile;
 * `gone`: the session that the writer had read was destroyed or has expired since, so nothing was stored.
 */
export type SaveOutcome = { outcome: 'stored'; version: number | string } | { outcome: 'merged' | 'gone' };

/** Calls a method of the pod's session service, wherever it runs. */
export type CallSessionService = (method: string, args: unknown[]) => Promise<unknown>;

/** The counters of a pod's session store. */
export interface PodSessionStats {
  /** Sessions held now, those that have expired and are not yet swept included. */
  sessions: number;
  /** Memory held by them, about. */
  bytes: number;
  /** The bound on `bytes`. */
  maxBytes: number;
  /** Sessions dropped because of the bound, since the start. */
  evicted: number;
  /** Sessions dropped at the end of their time, since the start. */
  expired: number;
  /** Saves that came after somebody else's and were merged by key, since the start. */
  merged: number;
  /** Saves dropped because their session had been destroyed meanwhile, since the start. */
  gone: number;
}

/** The pod's session store as a service of the hub. */
export interface PodSessionService extends HubService {
  /** Counters for metrics and for people. */
  stats(): PodSessionStats;
  /** Frees the timer and every session. */
  close(): void;
}
