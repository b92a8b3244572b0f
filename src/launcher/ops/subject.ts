import type { Hub } from '../../bus/hub/hub';
import type { PodSessionService } from '../../session/pod-session-protocol';
import type { FrontDoorMode } from '../options';
import type { PeerListenerCounts } from '../peer/peer-listener';
import type { PublicAddress } from '../settings-document';
import type { Supervisor } from '../supervisor';

/**
 * `starting`: until the first worker is ready. `waiting-for-redis`: the same, and it is Redis that is waited for.
 * `up`: serves. `draining`: it was told to stop.
 */
export type PodPhase = 'starting' | 'waiting-for-redis' | 'up' | 'draining';

/** What the ops server tells about: the pod, as far as it shows itself. */
export interface OpsSubject {
  readonly name: string;
  readonly tag: string;
  readonly appPath: string;
  readonly mode: FrontDoorMode;
  readonly wantedWorkers: number;
  readonly hub: Hub;
  readonly sessions: PodSessionService;
  readonly supervisor: Supervisor;
  readonly phase: PodPhase;
  /** Connections that the front door refused, by reason. */
  readonly refusedConnections: ReadonlyMap<string, number>;
  /** Connections of other pods, by outcome; `undefined` where none are listened for. */
  readonly peerConnections: PeerListenerCounts | undefined;
  /** Whether it drains and is to be found ready: its polling sessions are being closed. */
  readonly isClosingPolls: boolean;
  /** Where the world reaches the pod, once it listens. */
  readonly address: PublicAddress | undefined;
  /** Begins to stop, as at SIGTERM. */
  requestStop(): void;
  /** Replaces the workers one by one; settles with how many. */
  reload(): Promise<number>;
}
