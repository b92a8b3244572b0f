import type { FromWorker, ToWorker } from '../messages';
import { isFlotillaMessage } from '../messages';
import type { RawHandle } from '../raw-handle';

type Listener = (message: ToWorker, handle: RawHandle | undefined) => void;

/** The worker's end of the IPC channel to its primary. Sending on a closed channel does nothing: then the end is near anyway. */
export class PrimaryLink {
  readonly #listeners = new Set<Listener>();

  constructor() {
    process.on('message', (message, handle) => {
      if (!isFlotillaMessage(message)) return;
      for (const listener of this.#listeners) listener(message as ToWorker, handle as unknown as RawHandle | undefined);
    });
  }

  /** Hears every message of the primary. */
  listen(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Waits for the first message of one of these kinds. */
  next<Kind extends ToWorker['flotilla']>(...kinds: Kind[]): Promise<Extract<ToWorker, { flotilla: Kind }>> {
    return new Promise((resolve) => {
      const listener: Listener = (message) => {
        if (!(kinds as string[]).includes(message.flotilla)) return;
        this.#listeners.delete(listener);
        resolve(message as Extract<ToWorker, { flotilla: Kind }>);
      };
      this.#listeners.add(listener);
    });
  }

  /** Settles when the message is written, or cannot be. */
  send(message: FromWorker): Promise<void> {
    return new Promise((resolve) => this.#send(message, undefined, () => resolve()));
  }

  /** Gives a connection away; our copy of it is closed when it is on its way. */
  sendHandle(message: FromWorker, handle: RawHandle): void {
    this.#send(message, handle, () => handle.close());
  }

  #send(message: FromWorker, handle: RawHandle | undefined, callback: () => void): void {
    try {
      // typed for sockets and servers only; Node takes raw handles as well
      process.send?.(message, handle as never, undefined as never, callback);
    } catch {
      callback();
    }
  }
}
