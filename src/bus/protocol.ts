import type { PodRow } from './fleet';
import type { LogMark } from './recovery/log-mark';
import type {
  Evict,
  Evicted,
  LogReached,
  OwnEvent,
  RecoveryBegin,
  RecoveryReply,
  RecoveryRequest,
  SessionChanges,
  Unstored,
} from './recovery/messages';
import type { SessionAnswer, SessionAsk } from './recovery/session-messages';

/** Version of the message envelope. A receiver drops and counts a message of any other version. */
export const PROTOCOL_VERSION = 2;

/** What a message between a worker and its hub, or between hubs, is about. Numbers are never reused. */
export enum MessageKind {
  Hello = 1,
  Welcome = 2,
  Interest = 3,
  Confirm = 4,
  Broadcast = 5,
  Ask = 6,
  Part = 7,
  Answer = 8,
  Call = 9,
  Result = 10,
  Stats = 11,
  Members = 12,
  Heartbeat = 13,
  LinkChange = 14,
  RecoveryBegin = 15,
  SessionChanges = 16,
  OwnEvent = 17,
  RecoveryRequest = 18,
  RecoveryReply = 19,
  Evict = 20,
  Evicted = 21,
  LogReached = 22,
  SessionAsk = 23,
  SessionAnswer = 24,
  Unstored = 25,
}

/** A process introduces itself to its hub. */
export interface Hello {
  kind: MessageKind.Hello;
  /** Drawn by the process; unique in the fleet. */
  uid: string;
  /** `emitter`: a process that does not listen; it is no member and is never asked. */
  role: 'worker' | 'emitter';
  pid: number;
  number: number;
  tag: string;
  startedAt: number;
  version: string;
}

/** The hub's answer to Hello. */
export interface Welcome {
  kind: MessageKind.Welcome;
  podTag: string;
  podName: string;
}

/** A worker now has, or no longer has, somebody in a room. */
export interface Interest {
  kind: MessageKind.Interest;
  nsp: string;
  room: string;
  on: boolean;
  /** Grows with every announcement; the hub confirms it once everything up to it is effective. */
  seq: number;
}

/** Every announcement up to `seq` is effective: a broadcast from anywhere now reaches the worker. */
export interface Confirm {
  kind: MessageKind.Confirm;
  seq: number;
}

/** The flags of a broadcast that matter where it is delivered. */
export interface DeliveryFlags {
  volatile?: boolean;
  compress?: boolean;
}

/** Recipients as they travel. */
export interface Recipients {
  rooms: string[];
  except: string[];
  flags: DeliveryFlags;
}

/** A packet for the sockets in some rooms. Its payload is the packet as the origin encoded it, once. */
export interface Broadcast extends Recipients {
  kind: MessageKind.Broadcast;
  from: string;
  /** Where a pod may get the message on several ways: it takes the first copy. */
  id?: string;
  nsp: string;
  /** Counts what its worker has sent in the namespace, where the message can be recovered. */
  seq?: number;
  /** The number that the hub has given it; 0 where it gives none. It stands in front of the header. */
  order?: number;
  /** How far that hub has read the link's log, this message included; beside the number. Nothing where the link keeps none. */
  reached?: LogMark | undefined;
  /** Names its worker in positions, where that is not {@link originOf} its `from`. */
  origin?: string;
  /** The packet's encoded parts: text, then its binary attachments. Absent with a custom parser. */
  payload?: Uint8Array;
  /** The packet itself, with a custom parser: receivers encode it again. */
  packet?: PlainPacket;
}

/** The name in positions of a worker whose connection to the hub was never lost: the beginning of its uid. */
export function originOf(uid: string): string {
  return uid.slice(0, 8);
}

/** A Socket.IO packet as plain data. */
export interface PlainPacket {
  type: number;
  data: unknown[];
}

/** What a question asks of every worker it reaches. */
export type Question =
  | { name: 'fetchSockets' }
  | { name: 'join'; rooms: string[] }
  | { name: 'leave'; rooms: string[] }
  | { name: 'leaveAll' }
  | { name: 'disconnect'; close: boolean }
  | { name: 'serverSideEmit'; args: unknown[]; acknowledge: boolean }
  | { name: 'broadcastWithAck'; data: unknown[]; flags: DeliveryFlags };

/** Which sockets a question is about. `ids` wins over `rooms`; no rooms means every socket. */
export interface AskTarget {
  rooms: string[];
  except: string[];
  ids?: string[];
}

/** A question to every worker that may have something to say. */
export interface Ask {
  kind: MessageKind.Ask;
  id: string;
  from: string;
  nsp: string;
  question: Question;
  target: AskTarget;
  /** How long the asker waits. */
  deadlineMs: number;
}

/** Something on the way to the answer of a `broadcastWithAck`: how many clients got the packet, then each acknowledgement. */
export interface Part {
  kind: MessageKind.Part;
  id: string;
  from: string;
  part: { count: number } | { ack: unknown };
}

/** The answer of one worker, or of the hub for all of them. */
export interface Answer {
  kind: MessageKind.Answer;
  id: string;
  from: string;
  answers: unknown[];
  /** Who did not answer, as `pod/worker`. */
  silent: string[];
}

/** A call of a service in the hub's process. */
export interface Call {
  kind: MessageKind.Call;
  id: number;
  service: string;
  method: string;
  args: unknown[];
}

/** The result of a call. */
export interface Result {
  kind: MessageKind.Result;
  id: number;
  value?: unknown;
  error?: { code: string; message: string };
}

/** What a worker reports of itself when it changes. */
export interface Stats {
  kind: MessageKind.Stats;
  sockets: number;
}

/** How many workers the fleet has, without the receiver. */
export interface Members {
  kind: MessageKind.Members;
  others: number;
}

/** A hub's sign of life to the other pods. */
export interface Heartbeat {
  kind: MessageKind.Heartbeat;
  pod: PodRow;
  /** The sender knows nobody yet: answer at once. */
  greeting: boolean;
}

/** The link to the other pods was lost, or is back. Told to workers once per outage. */
export interface LinkChange {
  kind: MessageKind.LinkChange;
  up: boolean;
}

export type Message =
  | Hello
  | Welcome
  | Interest
  | Confirm
  | Broadcast
  | Ask
  | Part
  | Answer
  | Call
  | Result
  | Stats
  | Members
  | Heartbeat
  | LinkChange
  | RecoveryBegin
  | SessionChanges
  | OwnEvent
  | RecoveryRequest
  | RecoveryReply
  | Evict
  | Evicted
  | LogReached
  | SessionAsk
  | SessionAnswer
  | Unstored;
