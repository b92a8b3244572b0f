import { connect, type Socket } from 'node:net';
import type { PeerAddress } from '../../../bus/fleet';
import type { Owner } from '../../../bus/ids';
import { DialError, dialPeer } from '../../peer/dial-peer';
import type { PeerDirectory } from '../../peer/peer-directory';
import type { PeerKey } from '../../peer/peer-keys';
import type { PeerTls } from '../../peer/peer-tls';

/** How a session's owner stands. `unconfigured`: it lives, but this pod or that one does not know how to pass requests on. */
export type Reach = 'reachable' | 'gone' | 'unconfigured';

/** What an {@link OwnerConnector} needs. */
export interface OwnerConnectorOptions {
  /** This worker. */
  self: Owner;
  /** Where the worker of this pod with a tag takes requests of other workers. */
  socketPathOf(tag: string): string;
  /** The other pods. */
  directory: PeerDirectory;
  /** The first is proved to other pods. */
  keys: readonly PeerKey[];
  /** With what TLS is spoken with other pods; `undefined`: it is not. */
  tls: PeerTls | undefined;
  /** Hears once per pod that it cannot be reached though it lives, and why. */
  onTrouble(message: string): void;
  /** Hears of each connection that ended at a certificate. */
  onTlsRefused(): void;
}

/** Connects to the worker that has a session: over its local socket in this pod, over the port for other pods elsewhere. */
export class OwnerConnector {
  readonly #troubled = new Set<string>();
  /** What ends the attempts to connect, by the tag of the pod. */
  readonly #dialing = new Map<string, Set<() => void>>();

  constructor(private readonly options: OwnerConnectorOptions) {}

  isInThisPod(owner: Owner): boolean {
    return owner.pod === this.options.self.pod;
  }

  reach(owner: Owner): Reach {
    if (this.isInThisPod(owner)) return 'reachable';
    const peer = this.options.directory.get(owner.pod);
    if (!peer) return 'gone';
    if (peer.address && this.options.keys.length > 0) return 'reachable';
    // a proxy that sends its polls here has given it up: its sessions are lost, and told so in the way that clients return from
    if (peer.isDraining) return 'gone';
    this.#tell(
      owner.pod,
      peer.address
        ? `there is no secret by which pods know each other (FLOTILLA_PEER_SECRET or sails.config.session.secret)`
        : `it takes none (set FLOTILLA_POD_IP there to the address of the pod), and is answered 400 "Session ID unknown"`,
    );
    return 'unconfigured';
  }

  /**
   * A connection on which the owner takes HTTP.
   * @throws DialError for a worker of another pod; the system's error for one of this pod
   */
  async connect(owner: Owner): Promise<Socket> {
    if (this.isInThisPod(owner)) return connectLocally(this.options.socketPathOf(owner.worker));
    const address = this.options.directory.get(owner.pod)?.address;
    const [key] = this.options.keys;
    if (!address || !key) throw new DialError('gone', `pod ${owner.pod} is gone`);
    return this.#dial(address, owner, key);
  }

  /** Nobody waits any longer for a pod that has left the fleet. */
  podLeft(podTag: string): void {
    for (const giveUp of this.#dialing.get(podTag) ?? []) giveUp();
    this.#dialing.delete(podTag);
  }

  async #dial(address: PeerAddress, owner: Owner, key: PeerKey): Promise<Socket> {
    const pending = this.#dialing.get(owner.pod) ?? new Set();
    this.#dialing.set(owner.pod, pending);
    try {
      return await dialPeer(address, owner, key, { tls: this.options.tls, pending });
    } catch (error) {
      if (error instanceof DialError && error.failure === 'certificate') this.options.onTlsRefused();
      if (error instanceof DialError && isRefusal(error)) this.#tell(owner.pod, error.message);
      throw error;
    }
  }

  #tell(pod: string, why: string): void {
    if (this.#troubled.has(pod)) return;
    this.#troubled.add(pod);
    const name = this.options.directory.get(pod)?.name ?? pod;
    this.options.onTrouble(`Flotilla: requests for sessions of pod ${name} cannot be passed on: ${why}`);
  }
}

/** Whether the owner lives and will not have us. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DialError && (error.failure === 'refused' || error.failure === 'certificate');
}

function connectLocally(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      // the close follows
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}
