import type { PublicAddress, SettingsDocument } from '../settings-document';
import type { WorkerProcess } from '../worker-process';
import type { RefusedConnections } from './refused-connections';

/** The pod's door to the world. */
export interface FrontDoor {
  readonly refused: RefusedConnections;
  /**
   * Opens the listener.
   * @throws LauncherError `E_PORT_BUSY`, `E_LISTEN`, `E_STICKY_TLS`
   */
  open(document: SettingsDocument): Promise<PublicAddress>;
  /** A process was forked: the door listens to what it says. */
  watch(worker: WorkerProcess): void;
  /** A worker can take connections from now on. */
  workerReady(worker: WorkerProcess): void;
  /**
   * Takes no new connection; those that workers have stay with them. Settles when those that wait for a worker have found one,
   * or have waited for this many milliseconds more and are refused.
   */
  close(patienceMs: number): Promise<void>;
}
