import type { Hub } from '../../bus/hub/hub';
import type { Logger } from '../logger';
import { type RawHandle, socketOver } from '../raw-handle';
import type { WorkerProcess } from '../worker-process';
import type { PeerKey } from './peer-keys';
import { PeerListener, type PeerListenerCounts } from './peer-listener';
import type { PeerRow } from './peer-row';
import type { PeerSettings } from './peer-settings';

/** What a {@link PeerDoor} needs. */
export interface PeerDoorOptions {
  log: Logger;
  hub: Hub;
  podTag: string;
  /** Where to listen; nowhere where that is not set. */
  settings: PeerSettings | undefined;
  /** Whether workers speak TLS with other pods. */
  speaksTls: boolean;
  workers(): Iterable<WorkerProcess>;
  byTag(tag: string): WorkerProcess | undefined;
}

/** The pod's door to the other pods: takes the requests that they pass on, and tells the workers where the others are. */
export class PeerDoor {
  #listener: PeerListener | undefined;
  readonly #tellAll = () => {
    for (const worker of this.options.workers()) if (worker.state !== 'starting') this.#tell(worker);
  };

  constructor(private readonly options: PeerDoorOptions) {
    options.hub.on('pods-changed', this.#tellAll);
  }

  /** Whether polls that land at other pods reach the sessions of this one. */
  get isOpen(): boolean {
    return this.#listener !== undefined;
  }

  /** What came from other pods; `undefined` where nothing is listened on. */
  get counts(): PeerListenerCounts | undefined {
    return this.#listener?.counts;
  }

  /**
   * Opens the listener, before the hub is connected to others: so they know from the first moment where it is.
   * @param keys what other pods must prove to have
   * @throws LauncherError `E_PORT_BUSY`, `E_LISTEN`
   */
  async open(keys: readonly PeerKey[]): Promise<void> {
    const { hub, log, podTag, settings, speaksTls } = this.options;
    if (!settings) return;
    if (keys.length === 0) {
      log.warn(
        'requests for sessions of other pods are not passed on: there is no secret by which pods know each other. Set FLOTILLA_PEER_SECRET, or sails.config.session.secret.',
      );
      return;
    }
    const listener = new PeerListener({ log, settings, keys, podTag, speaksTls, wayTo: (tag) => this.#wayTo(tag) });
    const port = await listener.listen();
    this.#listener = listener;
    hub.announcePeer({ host: settings.address, port });
    log.info({ address: settings.host, port }, `taking requests of other pods on port ${port}`);
  }

  watch(worker: WorkerProcess): void {
    worker.on('undelivered', ({ handle, goneAnswer }) => {
      if (!goneAnswer) return;
      const socket = socketOver(handle);
      socket.on('error', () => {});
      socket.end(goneAnswer, () => socket.destroy());
    });
  }

  /** A worker can take requests from now on: it learns of the other pods before it gets any. */
  workerReady(worker: WorkerProcess): void {
    this.#tell(worker);
  }

  /** Takes no new connections. Call it when the workers are gone: until then polls reach their sessions through the other pods. */
  async close(): Promise<void> {
    this.options.hub.removeListener('pods-changed', this.#tellAll);
    await this.#listener?.close();
  }

  #wayTo(tag: string) {
    const worker = this.options.byTag(tag);
    if (!worker?.isReachable) return undefined;
    return (handle: RawHandle, answer: Buffer, goneAnswer: Buffer) => worker.deliver({ handle, answer, goneAnswer });
  }

  #tell(worker: WorkerProcess): void {
    const peers: PeerRow[] = this.options.hub
      .pods()
      .filter(({ tag }) => tag !== this.options.podTag)
      .map(({ tag, name, peer, state }) => ({ tag, name, address: peer ?? null, isDraining: state !== 'up' }));
    worker.send({ flotilla: 'peers', peers });
  }
}
