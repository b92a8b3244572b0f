import type { SessionState } from './session-state';

/** A session, by its namespace and the digest of its private id. */
export interface SessionAddress {
  nsp: string;
  key: string;
}

/** An event for one socket alone, as other hubs need it. */
export type StoredEvent = [origin: string, seq: number, order: number, payload: Uint8Array];

/** What of a session is to be stored. */
export interface SessionWrite {
  generation: number;
  /** The hub of the workers is new; what an earlier one has stored does not count. */
  isRepeated: boolean;
  /** The client is away; nothing while it is connected. In milliseconds: for how long it may stay away. */
  goneForMs: number | undefined;
  /** Read when it is written. Nothing where only events are added. */
  state?: () => SessionState;
  /** Nothing of it is new: the store may have lost it. */
  isAgain?: boolean;
  /** Events that were stored before are of no use any more. */
  replacesEvents?: boolean;
  /** With `replacesEvents`: there may have been earlier ones that are no longer known. */
  isTrimmed?: boolean;
  events?: StoredEvent[];
}

/** Who has a session, as far as is stored. */
export interface StoredSession {
  generation: number;
  state: SessionState;
  hub: string;
  podTag: string;
  /** Whether that hub has shown itself in the last seconds. */
  isOwnerAlive: boolean;
  /** It is gone for longer than its sessions are kept. */
  isOwnerForgotten: boolean;
  /** The store may have lost what that hub wrote, which had not written all of it again when it last showed itself. */
  isOwnerIncomplete: boolean;
}

/** A session that was taken from a hub that says nothing any more. */
export interface ClaimedSession {
  state: SessionState;
  hub: string;
  events: StoredEvent[];
  /** Earlier events were stored than are kept. */
  isTrimmed: boolean;
}

/** Where the hubs of all pods keep the state of their sessions, for when one of them dies. */
export interface SessionStore {
  /** Stored at the end of the tick, or once the store can be reached. */
  write(address: SessionAddress, write: SessionWrite): void;
  remove(address: SessionAddress, generation: number): void;
  /** Nobody finds any more what was opened before now and is bound to something that begins so, up to the first colon. */
  forget(prefix: string): void;
  /** @throws where the store can't be reached */
  find(address: SessionAddress): Promise<StoredSession | undefined>;
  /**
   * Takes a session, once: `undefined` where it has another generation by now.
   * @throws where the store can't be reached
   */
  claim(address: SessionAddress, generation: number): Promise<ClaimedSession | undefined>;
  /**
   * The epoch whose beginning a hub has outlived: everything that it had to tell its clients of is stored. 0 where there has
   * been none, and where the hub is not known any more.
   * @throws where the store can't be reached
   */
  epochOf(hub: string): Promise<number>;
  /** Settles when what was given so far is stored, or the clients know that it is not. Nothing where it is so already. */
  written(): Promise<void> | undefined;
  /** Settles when everything is stored, or after a moment. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Makes a hub's store. */
export type OpenSessionStore = (options: {
  /** For so long a hub that is gone leaves its sessions to others, in milliseconds. */
  keptForMs: () => number;
  /** Another hub has a later generation of a session. */
  onSuperseded: (address: SessionAddress, generation: number) => void;
  /**
   * The latest state of some sessions could not be stored yet: their clients are to be told of this epoch, before anybody
   * else hears that something is stored. Each has a higher number than all of which was said that they are over.
   */
  onUnstored: (epoch: number, addresses: SessionAddress[]) => void;
  /**
   * The store was away, and may have lost what it had: all sessions are to be written again. Gives some with each step, as
   * far as they are asked for.
   */
  writeAgain: () => Iterator<void>;
}) => SessionStore;
