import type { Socket as NetSocket } from 'node:net';
import type { EngineConnection, EngineTransport } from './engine-internals';
import { passiveListeners } from './passive-listener';

const NOTHING = Buffer.alloc(0);
/** What comes in one tick beyond this waits in Engine.IO's queue, where it is counted. */
const MOST_CORKED_BYTES = 1_048_576;

/**
 * A websocket that frames can be written to past Engine.IO's queue. To Engine.IO it looks like a send in progress, from
 * the first frame until the system has taken the last: the transport is not writable, so that what else is sent queues
 * behind, and volatile packets are dropped.
 */
export class LaneSocket {
  /** Whether frames wait in the stream for the end of the tick. */
  isCorked = false;

  readonly #connection: EngineConnection;
  readonly #transport: EngineTransport;
  readonly #stream: NetSocket;

  constructor(connection: EngineConnection, stream: NetSocket) {
    this.#connection = connection;
    this.#transport = connection.transport;
    this.#stream = stream;
  }

  /** Whether nothing is queued that a frame would overtake, and Engine.IO would write at once. */
  get isFree(): boolean {
    const { readyState, writeBuffer } = this.#connection;
    if (readyState !== 'open' || writeBuffer.length > 0) return false;
    if (this.isCorked) return this.#stream.writableLength < MOST_CORKED_BYTES;
    return this.#transport.writable && this.#stream.writable;
  }

  /** Whether somebody listens to what happens to each packet; that is told of packets in Engine.IO's own queue. */
  get isWatched(): boolean {
    const connection = this.#connection;
    return (
      connection.listenerCount('packetCreate') > passiveListeners(connection) ||
      connection.listenerCount('flush') > 0 ||
      connection.listenerCount('drain') > 0
    );
  }

  write(frame: Buffer): void {
    if (!this.isCorked) {
      this.isCorked = true;
      this.#transport.writable = false;
      this.#stream.cork();
    }
    this.#stream.write(frame);
  }

  /** Gives what was written to the system, in one call. */
  flush(): void {
    const stream = this.#stream;
    this.isCorked = false;
    stream.uncork();
    if (stream.errored) this.#failed(stream.errored);
    else if (stream.writableLength === 0 || stream.destroyed) this.#release();
    // The system takes no more at the moment. Of what it takes then, the stream tells only by an answer to a write.
    else stream.write(NOTHING, (error) => (error ? this.#failed(error) : this.#release()));
  }

  /** As after a write of Engine.IO's own that failed: it closes the connection. */
  #failed(error: Error): void {
    this.#transport.onError('write error', error.stack);
  }

  #release(): void {
    this.#transport.writable = true;
    if (this.#connection.writeBuffer.length > 0) this.#transport.emit('ready');
  }
}
