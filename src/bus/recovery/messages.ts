import type { MessageKind } from '../protocol';
import type { LogMark } from './log-mark';
import type { RecoverySettings } from './settings';

/** Why a client that asked for its state gets a fresh socket. */
export type RecoveryFailure =
  /** Nobody knows the session: it has ended, the client has come to another pod, or the hub was started anew. */
  | 'unknown-session'
  /** The client was away for too long. */
  | 'expired'
  /** The client named as its last message something that is none. */
  | 'unknown-offset'
  /** Messages that it has missed are no longer kept. */
  | 'trimmed'
  /** The link to the other pods was down meanwhile. */
  | 'link-outage'
  /** It has another Sails session now, or none any more. */
  | 'other-session'
  /** Another connection has resumed the session at the same time. */
  | 'superseded'
  /** The worker that had the socket does not answer, and the hub lacks messages of it. */
  | 'old-worker-silent'
  /** The hub did not answer. */
  | 'hub-away';

/** A worker begins to keep the state of its sockets in a namespace; again after each connection to a hub. */
export interface RecoveryBegin {
  kind: MessageKind.RecoveryBegin;
  nsp: string;
  /** Names the worker in positions. */
  origin: string;
  settings: RecoverySettings;
}

/** A change of one socket's state. `seq`, `order` and `mark` are the worker's position at the change. */
export type SessionChange =
  | {
      op: 'open';
      sid: string;
      /** Digest of the private id. */
      key: string;
      generation: number;
      seq: number;
      order: number;
      mark?: LogMark | undefined;
      rooms: string[];
      data: unknown;
      binding: string;
      /** The hub is new; what was sent before is not known to it. */
      isRepeated: boolean;
    }
  | {
      op: 'join' | 'leave';
      sid: string;
      generation: number;
      room: string;
      seq: number;
      order: number;
      mark?: LogMark | undefined;
    }
  | { op: 'data'; sid: string; generation: number; data: unknown }
  | { op: 'binding'; sid: string; generation: number; binding: string }
  /** A resumed socket is in its rooms, and its worker has announced them. */
  | { op: 'settled'; sid: string; generation: number }
  /** The connection is gone; the client may come back. */
  | { op: 'gone'; sid: string; generation: number; data: unknown; binding: string }
  /** The socket was disconnected for good. */
  | { op: 'end'; sid: string; generation: number };

/** Changes of a worker's sockets, in the order in which they happened. */
export interface SessionChanges {
  kind: MessageKind.SessionChanges;
  nsp: string;
  changes: SessionChange[];
}

/** An event for one socket alone, as its worker has encoded it. */
export interface OwnEvent {
  kind: MessageKind.OwnEvent;
  nsp: string;
  sid: string;
  generation: number;
  seq: number;
  payload: Uint8Array;
}

/** What a worker asks for a client that wants its state back. */
export type RecoveryQuestion =
  /** What is the session bound to? */
  | { name: 'look'; key: string }
  /** Give me the session. */
  | { name: 'take'; key: string; generation: number; offset: string | null }
  /** Give me the next of the missed messages. */
  | { name: 'more'; sid: string; generation: number };

export interface RecoveryRequest {
  kind: MessageKind.RecoveryRequest;
  id: number;
  nsp: string;
  question: RecoveryQuestion;
}

/** A missed message: its offset, and its packet as the origin encoded it. */
export type MissedMessage = [offset: string, payload: Uint8Array];

/** A session that a worker has taken over. */
export interface TakenSession {
  name: 'taken';
  sid: string;
  generation: number;
  rooms: string[];
  data: unknown;
  /** Everything up to this number is in `missed`, or not for this socket; everything later comes live. */
  cut: number;
  /** How far the link's log had been read at the cut. */
  reached?: LogMark | undefined;
  /** The latest message of the asking worker that the hub had at the cut. */
  knownSeq: number;
  missed: MissedMessage[];
  /** Whether there are more to be asked for. */
  more: boolean;
}

export type RecoveryAnswer =
  | { name: 'refused'; reason: RecoveryFailure }
  | { name: 'looked'; generation: number; binding: string }
  | TakenSession
  | { name: 'more'; missed: MissedMessage[]; more: boolean };

export interface RecoveryReply {
  kind: MessageKind.RecoveryReply;
  id: number;
  nsp: string;
  answer: RecoveryAnswer;
}

/** How far the hub has read the link's log: what stands there up to this has been passed on. */
export interface LogReached {
  kind: MessageKind.LogReached;
  mark: LogMark;
}

/**
 * The hub's store lacks the latest state of these sockets: should the hub die now, no other may go on with what is stored.
 * Their clients are told by an offset with the hub's epoch; so are others with what they are sent next.
 */
export interface Unstored {
  kind: MessageKind.Unstored;
  nsp: string;
  epoch: number;
  sids: string[];
}

/** A socket has been resumed elsewhere: its worker ends what is left of it, and says so. */
export interface Evict {
  kind: MessageKind.Evict;
  id: number;
  nsp: string;
  sid: string;
}

/** It is ended; everything that the worker sent before has come before this. */
export interface Evicted {
  kind: MessageKind.Evicted;
  id: number;
}
