import type { Socket as NetSocket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import {
  type DirectWriter,
  findTcpHandle,
  handleOf,
  NOT_WRITTEN,
  type TcpHandle,
  type WriteListener,
} from './direct-writer';
import type { EngineConnection, EngineTransport } from './engine-internals';
import type { FrameRun } from './frame-run';
import { passiveListeners } from './passive-listener';

const NOTHING = Buffer.alloc(0);
/** What comes in one tick beyond this waits in Engine.IO's queue, where it is counted. */
const MOST_CORKED_BYTES = 1_048_576;

/**
 * A websocket that frames can be written to past Engine.IO's queue. To Engine.IO it looks like a send in progress, from
 * the first frame until the system has taken the last: the transport is not writable, so that what else is sent queues
 * behind, and volatile packets are dropped.
 */
export class LaneSocket implements WriteListener {
  /** Whether frames wait for the end of the tick. */
  isCorked = false;

  readonly #connection: EngineConnection;
  readonly #transport: EngineTransport;
  readonly #stream: NetSocket;
  readonly #writer: DirectWriter;
  readonly #handle: TcpHandle | undefined;
  /** The frames that wait, where they do not wait in the stream. */
  #run: FrameRun | undefined;

  constructor(connection: EngineConnection, stream: NetSocket, writer: DirectWriter) {
    this.#connection = connection;
    this.#transport = connection.transport;
    this.#stream = stream;
    this.#writer = writer;
    this.#handle = findTcpHandle(stream);
  }

  /** Whether nothing is queued that a frame would overtake, and Engine.IO would write at once. */
  get isFree(): boolean {
    const { readyState, writeBuffer } = this.#connection;
    if (readyState !== 'open' || writeBuffer.length > 0) return false;
    if (this.isCorked) return (this.#run ? this.#run.length : this.#stream.writableLength) < MOST_CORKED_BYTES;
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

  /** @param first makes the run that begins with the frame */
  write(frame: Buffer, first: (frame: Buffer) => FrameRun): void {
    if (!this.isCorked) {
      this.isCorked = true;
      this.#transport.writable = false;
      // Whatever else is written to the stream in this tick has to wait for the frames, wherever they are.
      this.#stream.cork();
      if (this.#canWriteDirectly()) {
        this.#run = first(frame);
        return;
      }
    }
    if (this.#run) this.#run = this.#run.append(frame);
    else this.#stream.write(frame);
  }

  #canWriteDirectly(): boolean {
    const stream = this.#stream;
    return (
      this.#handle !== undefined &&
      this.#writer.isReady &&
      stream.writableLength === 0 &&
      // The stream notes by its writes that it is in use.
      !stream.timeout
    );
  }

  /** Gives what was written to the system, in one call. */
  flush(): void {
    const run = this.#run;
    this.isCorked = false;
    this.#run = undefined;
    if (!run) this.#writeThroughStream();
    else if (this.#writeDirectly(run.bytes) > 0) return;
    this.#settle();
  }

  #writeThroughStream(): void {
    const stream = this.#stream;
    const handle = this.#handle;
    if (handle && this.#writer.isCurious && handleOf(stream) === handle) this.#writer.watch(stream, handle);
    else stream.uncork();
  }

  /** Returns how much has to wait; {@link written} is called when that is gone. */
  #writeDirectly(bytes: Buffer): number {
    const stream = this.#stream;
    const handle = this.#handle;
    let waiting = 0;
    // Else the connection was closed in the same tick.
    if (handle && handleOf(stream) === handle && !stream.writableEnded) {
      const result = this.#writer.write(handle, bytes, this);
      if (result === NOT_WRITTEN) stream.write(bytes);
      else if (result < 0) stream.destroy(writeError(result));
      else waiting = result;
    }
    stream.uncork();
    return waiting;
  }

  written(status: number): void {
    if (status < 0) this.#stream.destroy(writeError(status));
    this.#settle();
  }

  #settle(): void {
    const stream = this.#stream;
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

/** An error as `net.Socket` makes it. */
function writeError(errno: number): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`write ${code}`), { errno, code, syscall: 'write' });
}
