import type { ToWorker } from '../messages';
import type { PeerRow } from './peer-row';

/** Where messages of the primary can be heard. */
interface PrimaryMessages {
  listen(listener: (message: ToWorker) => void): void;
}

/** The other pods as this worker knows them: what its primary said last. */
export class PeerDirectory {
  #peers = new Map<string, PeerRow>();

  /** @param onLeft hears of each pod that is no longer there, or is no longer where it was */
  constructor(link: PrimaryMessages, onLeft: (tag: string) => void) {
    link.listen((message) => {
      if (message.flotilla !== 'peers') return;
      const before = this.#peers;
      this.#peers = new Map(message.peers.map((peer) => [peer.tag, peer]));
      for (const { tag, address } of before.values()) {
        const now = this.#peers.get(tag)?.address;
        if (now?.host !== address?.host || now?.port !== address?.port) onLeft(tag);
      }
    });
  }

  /** The pod with this tag, draining ones included; `undefined` where it is no member of the fleet. */
  get(tag: string): PeerRow | undefined {
    return this.#peers.get(tag);
  }
}
