import type { OpenSessionStore } from '../recovery/session-store';

/** Who sent something over a link. */
export interface LinkOrigin {
  /** The sending hub; unique for each membership. */
  hub: string;
  /** Its pod's tag: where answers go. */
  podTag: string;
}

/** What a link hands to its hub. */
export interface LinkReceiver {
  /**
   * A message came from another hub; `body` is its encoded form.
   * @param logId where it stands in the link's log; nothing where it came outside of it, or the link keeps none
   */
  onMessage(body: Buffer, origin: LinkOrigin, channel: string, logId?: string): void;
  /** Messages that stood in the log before here may be missing. Links without a log do not call it. */
  onGap?(): void;
  /** The link works, again. */
  onUp(): void;
  /** The link does not work; local delivery goes on. */
  onDown(): void;
}

/** `deaf`: the connection looks alive, but what is published does not come back. */
export type LinkState = 'connecting' | 'up' | 'down' | 'deaf';

/** How a link stands, for readiness and metrics. */
export interface LinkStatus {
  name: string;
  state: LinkState;
  /** Subscribed channels. */
  subscriptions: number;
  /** Milliseconds that the last message to oneself took. */
  probeDelayMs: number | undefined;
  /** Times that the link came back after an outage. */
  reconnects: number;
  /** Times that the subscriber was found deaf and rebuilt. */
  deafRebuilds: number;
}

/** A message in the log of a link. */
export interface LoggedEntry {
  logId: string;
  origin: LinkOrigin;
  body: Buffer;
}

/** What a link that can be read back offers: all that is sent to all pods or to rooms, in one order. */
export interface LinkLog {
  /** The id of the last entry that this pod has handled; `0-0` before the first. Ids compare by `compareLogIds()`. */
  readonly position: string;
  /**
   * Settles when everything that is in the log now, own messages so far included, has been handled.
   * @throws where Redis is away, or this takes longer than 2 s
   */
  caughtUp(): Promise<void>;
  /**
   * The entries after one id up to another, that one included; own ones too.
   * @returns nothing where the log does not reach back that far any more
   * @throws where Redis is away, or something is missing between them: a sender had to drop it, or Redis has lost it
   */
  readBack(after: string, upTo: string): Promise<LoggedEntry[] | undefined>;
}

/** Told where an own message stands in the log, among the messages of others, before any that comes later. */
export type OnLogged = (logId: string) => void;

/** How the hubs of several pods reach each other. Sending never throws and never waits. */
export interface Link {
  readonly name: string;
  /** Whether its channels may overtake each other. */
  readonly isPartitioned: boolean;
  /** Nothing where the link can't be read back. */
  readonly log: LinkLog | undefined;
  /** Where the hubs of all pods keep the state of their sessions; only with a log. */
  readonly openSessions?: OpenSessionStore;
  start(receiver: LinkReceiver): void;
  /** Settles when the link has come up once. */
  ready(): Promise<void>;
  /** To every pod. `onLogged` is for links with a log. */
  toAll(body: Buffer, onLogged?: OnLogged): void;
  /** To every pod, outside of any log: signs of life, which mean nothing later. They may overtake what is sent to all. */
  announce(body: Buffer): void;
  /** To one pod. */
  toPod(podTag: string, body: Buffer): void;
  /** To every pod that holds one of the rooms; a pod that holds several gets the body as often, and drops what it has by its id. */
  toRooms(nsp: string, rooms: string[], body: Buffer, onLogged?: OnLogged): void;
  /** This pod holds a room now. Returns a promise while messages to it may not arrive yet. */
  hold(nsp: string, room: string): Promise<void> | undefined;
  /** This pod no longer holds a room. */
  release(nsp: string, room: string): void;
  /** The channels on which this pod gets a message to these rooms. */
  channelsOf(nsp: string, rooms: string[]): string[];
  status(): LinkStatus;
  close(): Promise<void>;
}
