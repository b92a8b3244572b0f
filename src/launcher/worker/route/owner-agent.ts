import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Idle connections to one other worker that are kept. */
const MOST_IDLE = 64;
/** Something between two pods may forget an idle connection without a word: none is kept longer. */
const LONGEST_IDLE_MS = 30_000;

/** Keeps connections to one other worker, for requests without end. */
export class OwnerAgent extends Agent {
  constructor(private readonly connectToOwner: () => Promise<Socket>) {
    super({ keepAlive: true, maxFreeSockets: MOST_IDLE, timeout: LONGEST_IDLE_MS });
  }

  override createConnection(_options: unknown, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    this.connectToOwner().then(
      (socket) => {
        // an owner that closes an idle connection closes it for both sides
        socket.allowHalfOpen = false;
        callback?.(null, socket);
      },
      // typed as if there were a stream with an error
      (error: Error) => callback?.(error, undefined as never),
    );
    return undefined;
  }
}
