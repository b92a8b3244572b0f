import type { Namespace } from 'socket.io';
import type { BusSnapshot } from '../metrics/bus-metrics';
import type { Identity } from './identity';
import type { RecoveryOptions } from './recovery/recovery-options';

/** Where log lines of the bus go: `sails.log` in a worker, the structured logger in a primary. */
export interface BusLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** One worker process as the fleet sees it. */
export interface WorkerRow {
  /** The worker's number within its pod, from 1 (the process id where no primary numbers them). */
  number: number;
  /** Its two-character tag in socket ids. */
  tag: string;
  pid: number;
  /** Connected Socket.IO clients (Engine.IO connections). */
  sockets: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  /** Version of this package in the worker. */
  version: string;
}

/** `draining`: still routable, takes no new sockets. `left`: after its last socket. */
export type PodState = 'up' | 'draining' | 'left';

/** Where a pod takes requests that other pods pass on. */
export interface PeerAddress {
  host: string;
  port: number;
}

/** One pod: a hub and the workers around it. */
export interface PodRow {
  name: string;
  /** Its four-character tag in socket ids. */
  tag: string;
  state: PodState;
  version: string;
  /** Milliseconds since the epoch of the last sign of life. */
  lastSeen: number;
  workers: WorkerRow[];
  /** Absent where it takes none, and in rows of older versions. */
  peer?: PeerAddress | undefined;
  /** The name of its link, which must be the same everywhere. Absent where it has none, and in rows of older versions. */
  link?: string | undefined;
}

/** The member table: what `sails.sockets.fleet()` answers. */
export interface FleetTable {
  /** The process that answers. */
  self: { pod: string; podTag: string; worker: number; workerTag: string };
  pods: PodRow[];
}

/** The outcome of a question or an order that went to the whole fleet. */
export interface FleetAnswer<T> {
  answers: T[];
  /** Who did not answer before the deadline, as `pod/worker`. */
  silent: string[];
}

/** Which sockets a fleet-wide order means. */
export interface SocketTarget {
  /** Members of any of these rooms; an empty list means every socket. */
  rooms: string[];
  /** Not the members of these rooms. */
  except?: string[];
  /** Where given, `rooms` is ignored and only the sockets with exactly these ids are meant. */
  ids?: string[];
}

/** How many sockets an order reached, and who did not answer before the deadline, as `pod/worker`. */
export interface OrderOutcome {
  matched: number;
  silent: string[];
}

/** What an adapter of ours offers beyond Socket.IO's adapter interface. */
export interface FleetAdapterExtras {
  /** Joins matching sockets anywhere; settles when every join is effective there. `matched` counts the sockets. */
  joinAnywhere(target: SocketTarget, rooms: string[]): Promise<OrderOutcome>;
  /** Makes matching sockets anywhere leave rooms. */
  leaveAnywhere(target: SocketTarget, rooms: string[]): Promise<OrderOutcome>;
  /** Makes matching sockets anywhere leave every room but the one named after their id. */
  leaveAllAnywhere(target: SocketTarget): Promise<OrderOutcome>;
  /** The joins of this local socket that hub and link have not confirmed yet, or `undefined` when there are none. */
  pendingJoins(socketId: string): Promise<void> | undefined;
  /** The client of this local socket does not get its state back when it comes again. */
  forgetState(socketId: string): void;
}

/** A process' membership in its fleet. One per Socket.IO server; nothing here is global to a module. */
export interface Fleet {
  readonly identity: Identity;
  /** Settles when the hub has welcomed this process (at once where the hub is in the process). */
  ready(): Promise<void>;
  /** This process serves from now on: a process that joined as an emitter becomes a member. */
  serve(): void;
  /**
   * The adapter factory for `io.adapter(...)`.
   * @param recovery given, clients that come back get their state and what they have missed
   */
  createAdapter(recovery?: RecoveryOptions): (namespace: Namespace) => FleetAdapterExtras;
  /** Calls a service that the hub's process offers, e.g. `call('session', 'get', [sid])`. Rejects with `E_HUB_UNAVAILABLE` or `E_HUB_TIMEOUT`. */
  call(service: string, method: string, args: unknown[]): Promise<unknown>;
  /** The member table. */
  table(): Promise<FleetTable>;
  /** Gives the function that counts this process' connected clients; it is asked a few times a second. */
  countSocketsWith(count: () => number): void;
  /** Calls back once when the link to other pods is lost, and once when it is back. */
  onLinkChange(listener: (up: boolean) => void): void;
  /** What this process' part of the bus has done; with what its hub knows, where it holds one. */
  snapshot(): BusSnapshot;
  /** Leaves the fleet and frees every timer and handle. */
  close(): Promise<void>;
}
