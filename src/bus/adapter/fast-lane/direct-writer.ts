import { Socket as NetSocket } from 'node:net';

/** What of Node's request for a write (`WriteWrap`) is relied on. */
interface WriteRequest {
  /** Called when libuv has sent what it could not send at once, or has failed to: with 0, or the negative error code. */
  oncomplete?: (status: number) => void;
  /** Node does not keep the bytes of a write itself. */
  bytes?: Buffer;
}

/** What of the object below a TCP connection is relied on. */
export interface TcpHandle {
  /** Gives bytes to the system, and what it does not take to libuv's queue; answers with 0, or a negative error code. */
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
  writev(request: WriteRequest, ...rest: unknown[]): number;
  /** All bytes that were ever given to it, those in the queue included. */
  readonly bytesWritten: number;
  /** The bytes in libuv's queue. */
  readonly writeQueueSize: number;
}

/** Who wants to know when bytes that had to wait are gone. */
export interface WriteListener {
  /** @param status 0, or the negative error code of a write that failed */
  written(status: number): void;
}

/** That nothing was written, and has to go through the stream. */
export const NOT_WRITTEN = Symbol('not written');

type WriteMethod = 'writeBuffer' | 'writev';
const STREAM_METHODS = ['write', '_write', '_writev', '_writeGeneric', 'end', 'cork', 'uncork'];
const WRITE_METHODS: readonly WriteMethod[] = ['writeBuffer', 'writev'];

/**
 * Writes to TCP connections past their streams, which take longer than all else of the fast lane: with the very calls that
 * `net.Socket` makes itself at the end (Node 20 to 24: `lib/internal/stream_base_commons.js`, `src/stream_base.cc`). The
 * system takes nearly always everything at once, and then there is nothing to wait for. Otherwise libuv keeps the rest in
 * the queue where the stream's own writes end up as well, so that nothing is overtaken.
 *
 * None of that is documented. So it is tried out: an ordinary write is watched, from which the class of requests is known,
 * and the first write of its own. Where Node works in another way, all writes go through the streams, for good.
 */
export class DirectWriter {
  #Request: (new () => WriteRequest) | undefined;
  #isProven = false;
  #isOff = false;

  /** Whether {@link write} can be called. */
  get isReady(): boolean {
    return this.#Request !== undefined;
  }

  /** Whether an ordinary write is to be watched. */
  get isCurious(): boolean {
    return this.#Request === undefined && !this.#isOff;
  }

  /** Uncorks a stream, and finds out how Node writes. */
  watch(stream: NetSocket, handle: TcpHandle): void {
    if (WRITE_METHODS.some((name) => Object.hasOwn(handle, name))) {
      stream.uncork();
      return;
    }
    const expected = handle.bytesWritten + stream.writableLength;
    let request: object | undefined;
    for (const name of WRITE_METHODS) {
      const method: TcpHandle['writev'] = handle[name];
      handle[name] = (first, ...rest: unknown[]) => {
        request = first;
        return method.call(handle, first, ...rest);
      };
    }
    try {
      stream.uncork();
    } finally {
      for (const name of WRITE_METHODS) delete (handle as Partial<TcpHandle>)[name];
    }
    // A connection that fails or is slow tells nothing. Another one will.
    if (!request || stream.destroyed || stream.writableLength > 0) return;
    const isAsExpected = handle.bytesWritten === expected && handle.writeQueueSize === 0;
    if (isAsExpected && request.constructor !== Object) this.#Request = request.constructor as new () => WriteRequest;
    else this.#isOff = true;
  }

  /**
   * Writes bytes after all that the connection has been given before.
   * @param listener hears of it when bytes that had to wait are gone
   * @returns how many bytes libuv keeps in its queue, mostly 0; a negative error code; or {@link NOT_WRITTEN}
   */
  write(handle: TcpHandle, bytes: Buffer, listener: WriteListener): number | typeof NOT_WRITTEN {
    const Request = this.#Request;
    if (!Request) return NOT_WRITTEN;
    // Once libuv keeps it, a request can't serve again. One that is not kept is as good as new, but there is no sure sign of
    // that: libuv may have sent the rest of a write meanwhile, and still hold its request.
    const request = new Request();
    const error = this.#isProven ? handle.writeBuffer(request, bytes) : this.#tryOut(handle, request, bytes);
    if (error !== 0) return error;
    const waiting = handle.writeQueueSize;
    if (waiting > 0) {
      request.bytes = bytes;
      request.oncomplete = (status) => listener.written(status);
    }
    return waiting;
  }

  #tryOut(handle: TcpHandle, request: WriteRequest, bytes: Buffer): number | typeof NOT_WRITTEN {
    const before = handle.bytesWritten;
    let error: unknown;
    try {
      error = handle.writeBuffer(request, bytes);
    } catch (thrown) {
      error = thrown;
    }
    // The connection has failed, which proves nothing.
    if (typeof error === 'number' && error < 0) return error;
    const written = handle.bytesWritten - before;
    this.#isProven = error === 0 && written === bytes.length;
    if (this.#isProven) return 0;
    this.#Request = undefined;
    this.#isOff = true;
    return written === 0 ? NOT_WRITTEN : 0;
  }
}

/** The handle of a plain TCP connection whose writes nobody has put something in between. */
export function findTcpHandle(stream: NetSocket): TcpHandle | undefined {
  // A subclass, as that of TLS, has its own ways.
  if (Object.getPrototypeOf(stream) !== NetSocket.prototype) return undefined;
  if (STREAM_METHODS.some((name) => Object.hasOwn(stream, name))) return undefined;
  const handle = handleOf(stream) as TcpHandle | null | undefined;
  if (handle?.constructor.name !== 'TCP' || WRITE_METHODS.some((name) => typeof handle[name] !== 'function'))
    return undefined;
  return typeof handle.bytesWritten === 'number' && typeof handle.writeQueueSize === 'number' ? handle : undefined;
}

/** What a stream writes to now: nothing once it is destroyed. */
export function handleOf(stream: NetSocket): unknown {
  return (stream as unknown as { _handle: unknown })._handle;
}
