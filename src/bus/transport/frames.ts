import type { Socket } from 'node:net';

const LENGTH_BYTES = 4;
/** Up to this size the frames of one tick are copied into one buffer, which costs less than a gathered write. */
const COPY_LIMIT_BYTES = 64 * 1024;

/** Writes length-prefixed frames to a local socket; the frames of one tick leave in one write. */
export class FrameWriter {
  #frames: Buffer[] = [];
  #bytes = 0;
  #scheduled = false;

  constructor(private readonly socket: Socket) {}

  /** Bytes accepted and not yet handed to the kernel. */
  get bufferedBytes(): number {
    return this.#bytes + this.socket.writableLength;
  }

  write(body: Buffer): void {
    this.#frames.push(body);
    this.#bytes += LENGTH_BYTES + body.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    const frames = this.#frames;
    const bytes = this.#bytes;
    if (frames.length === 0) return;
    this.#frames = [];
    this.#bytes = 0;
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (bytes <= COPY_LIMIT_BYTES) {
      const buffer = Buffer.allocUnsafe(bytes);
      let offset = 0;
      for (const frame of frames) {
        offset = buffer.writeUInt32LE(frame.length, offset);
        buffer.set(frame, offset);
        offset += frame.length;
      }
      this.socket.write(buffer);
      return;
    }
    this.socket.cork();
    for (const frame of frames) {
      const length = Buffer.allocUnsafe(LENGTH_BYTES);
      length.writeUInt32LE(frame.length);
      this.socket.write(length);
      this.socket.write(frame);
    }
    this.socket.uncork();
  }
}

/** Cuts a stream of bytes into length-prefixed frames. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #needed = LENGTH_BYTES;

  constructor(
    private readonly onFrame: (body: Buffer) => void,
    private readonly maxFrameBytes: number,
  ) {}

  /** Takes the next bytes. Returns `false` where a frame claims to be larger than allowed: the stream can't be trusted any more. */
  push(chunk: Buffer): boolean {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Large frames come in many chunks: joining them only once all are there keeps this linear.
    if (this.#bytes < this.#needed) return true;
    const buffer = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#bytes);
    let offset = 0;
    this.#needed = LENGTH_BYTES;
    while (buffer.length - offset >= LENGTH_BYTES) {
      const length = buffer.readUInt32LE(offset);
      if (length > this.maxFrameBytes) return false;
      if (buffer.length - offset - LENGTH_BYTES < length) {
        this.#needed = LENGTH_BYTES + length;
        break;
      }
      offset += LENGTH_BYTES;
      this.onFrame(buffer.subarray(offset, offset + length));
      offset += length;
    }
    const rest = buffer.subarray(offset);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
    return true;
  }
}
