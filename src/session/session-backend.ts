import type session from 'express-session';
import type { CookieWrite, SaveBase, SaveOutcome } from './pod-session-protocol';
import type { SessionFields } from './session-fields';

/** A session as a backend found it. */
export interface FoundSession {
  /** Made anew for each caller, who may change it. */
  data: session.SessionData;
  /** What the fields were; asked for when the session is saved. */
  fieldsRead: () => SessionFields;
  /** Names the state that a later save is based on. */
  version: SessionVersion;
}

/** The pod store counts, Redis has the digest of the stored text. */
export type SessionVersion = number | string;

/** A save as the store class hands it to a backend. */
export interface SaveRequest {
  fields: SessionFields;
  /** Without it a stored cookie stays, and a new session gets express-session's default. */
  cookie: CookieWrite | null;
  base: SaveBase;
}

/** Where sessions are kept: the pod's hub, or Redis. Rejects where that is out of reach. */
export interface SessionBackend {
  /** `corrupt`: what is stored is no session. */
  get(sid: string): Promise<FoundSession | 'corrupt' | null>;
  /** Saves, merged by top-level key with what others saved meanwhile. */
  save(sid: string, request: SaveRequest): Promise<SaveOutcome>;
  /** Renews the time to live, unless that would undo a change of the cookie's age made by somebody else. */
  touch(sid: string, cookie: CookieWrite | null): Promise<void>;
  destroy(sid: string): Promise<void>;
  clear(): Promise<void>;
  ids(): Promise<string[]>;
  /** Reads several sessions without counting that as a use; leaves out those that are gone. */
  peek(sids: string[]): Promise<{ sid: string; data: session.SessionData }[]>;
}
