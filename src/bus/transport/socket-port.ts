import type { Socket } from 'node:net';
import { decodeMessage, encodeMessage } from '../codec';
import type { BusCounters } from '../counters';
import { type Message, MessageKind } from '../protocol';
import { FrameReader, FrameWriter } from './frames';
import type { Port, PortListener } from './port';

/** A frame larger than this is no message of ours. */
const MAX_FRAME_BYTES = 256 * 1024 * 1024;
/** Where the other side does not read, broadcasts beyond this are dropped and counted, so that memory stays bounded. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

/** A port over a local stream socket (Unix domain, or a named pipe on Windows). */
export class SocketPort implements Port {
  readonly #writer: FrameWriter;
  #listener: PortListener | undefined;
  #closed = false;

  constructor(
    private readonly socket: Socket,
    private readonly counters: BusCounters,
  ) {
    this.#writer = new FrameWriter(socket);
  }

  send(message: Message, body?: Buffer): void {
    if (this.#closed) return;
    if (message.kind === MessageKind.Broadcast && this.#writer.bufferedBytes > MAX_BUFFERED_BYTES) {
      this.counters.dropped('local-buffer-full');
      return;
    }
    const bytes = body ?? encodeMessage(message);
    this.counters.localSent(bytes.length);
    this.#writer.write(bytes);
  }

  flush(): void {
    if (!this.#closed) this.#writer.flush();
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    const reader = new FrameReader((body) => this.#receive(body), MAX_FRAME_BYTES);
    this.socket.on('data', (chunk: Buffer) => {
      if (reader.push(chunk)) return;
      this.counters.dropped('malformed');
      this.socket.destroy();
    });
    this.socket.on('error', () => this.socket.destroy());
    this.socket.on('close', () => {
      this.#closed = true;
      this.#listener?.onClose();
    });
  }

  close(): void {
    this.#writer.flush();
    this.#closed = true;
    // destroySoon() sends what is queued, then closes without waiting for the other side.
    this.socket.destroySoon();
  }

  #receive(body: Buffer): void {
    this.counters.localReceived(body.length);
    const message = decodeMessage(body);
    if (typeof message === 'string') {
      this.counters.dropped(message);
      return;
    }
    try {
      this.#listener?.onMessage(message, body);
    } catch (error) {
      this.counters.failed(error);
    }
  }
}
