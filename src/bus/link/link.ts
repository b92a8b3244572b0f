/** Who sent something over a link. */
export interface LinkOrigin {
  /** The sending hub; unique for each membership. */
  hub: string;
  /** Its pod's tag: where answers go. */
  podTag: string;
}

/** What a link hands to its hub. */
export interface LinkReceiver {
  /** A message came from another hub; `body` is its encoded form. */
  onMessage(body: Buffer, origin: LinkOrigin, channel: string): void;
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

/** How the hubs of several pods reach each other. Sending never throws and never waits. */
export interface Link {
  readonly name: string;
  /** Whether its channels may overtake each other. */
  readonly isPartitioned: boolean;
  start(receiver: LinkReceiver): void;
  /** Settles when the link has come up once. */
  ready(): Promise<void>;
  /** To every pod. */
  toAll(body: Buffer): void;
  /** To one pod. */
  toPod(podTag: string, body: Buffer): void;
  /** To every pod that holds one of the rooms; a pod that holds several gets the body as often, and drops what it has by its id. */
  toRooms(nsp: string, rooms: string[], body: Buffer): void;
  /** This pod holds a room now. Returns a promise while messages to it may not arrive yet. */
  hold(nsp: string, room: string): Promise<void> | undefined;
  /** This pod no longer holds a room. */
  release(nsp: string, room: string): void;
  /** The channels on which this pod gets a message to these rooms. */
  channelsOf(nsp: string, rooms: string[]): string[];
  status(): LinkStatus;
  close(): Promise<void>;
}
