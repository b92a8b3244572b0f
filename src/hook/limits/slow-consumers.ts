import type { Server } from 'socket.io';
import { HookError } from '../errors';
import type { HookRuntime } from '../runtime';
import { RareWarning } from './rare-warning';

/** A packet that waits in Engine.IO's queue. */
interface QueuedPacket {
  data?: unknown;
}

type SendPacket = (type: string, data?: unknown, options?: unknown, callback?: unknown) => void;

/** What of an Engine.IO connection the limit relies on. */
interface QueueingConnection {
  id: string;
  readyState: string;
  writeBuffer: QueuedPacket[];
  /** Every packet goes through it. */
  sendPacket: SendPacket;
  onError?(error: Error): void;
  close(discard?: boolean): void;
  transport: { name: string; socket?: { terminate?(): void } };
  remoteAddress?: string;
  [QUEUE]?: Queue;
}

/** What waits for one connection; made when something first does. */
interface Queue {
  /** How many packets of `writeBuffer` are counted in. */
  packets: number;
  bytes: number;
  largest: number;
  /** Set for good when the limit is passed. */
  isCut: boolean;
}

const QUEUE = Symbol('queue');

/** What a packet takes beside its data: the object, its options, its place in the queue. */
const BYTES_PER_PACKET = 128;

/**
 * Ends connections whose clients do not read what they are sent, when more than `maxBufferedBytes` wait for them.
 *
 * What waits is what Engine.IO queues while a write is in progress; so nothing is looked at but a length for
 * clients that read, there is no timer, and one that does not read is caught by the very packet that is too
 * much. The write in progress can't be larger than the queue was that it came from. The largest packet in the queue is not counted: one large
 * answer is no sign of a slow client.
 */
export function limitBufferedBytes(runtime: HookRuntime, io: Server): void {
  const { maxBufferedBytes } = runtime.settings;
  if (maxBufferedBytes === 0) return;
  const condemned = new CondemnedConnections(runtime);
  const watched = (original: SendPacket): SendPacket =>
    function sendPacket(this: QueueingConnection, type, data, options, callback) {
      if (this[QUEUE]?.isCut) return;
      original.call(this, type, data, options, callback);
      if (this.writeBuffer.length === 0) return;
      this[QUEUE] ??= { packets: 0, bytes: 0, largest: 0, isCut: false };
      const queue = this[QUEUE];
      count(queue, this.writeBuffer);
      if (queue.bytes - queue.largest <= maxBufferedBytes) return;
      queue.isCut = true;
      condemned.add(this);
    };
  let shared: SendPacket | undefined;
  io.engine.on('connection', (connection: QueueingConnection) => {
    if (typeof connection.sendPacket !== 'function' || !Array.isArray(connection.writeBuffer)) return;
    shared ??= watched(connection.sendPacket);
    connection.sendPacket = shared;
  });
}

/** Adds what has come into the queue. A queue that was handed over meanwhile has begun anew. */
function count(queue: Queue, waiting: QueuedPacket[]): void {
  if (waiting.length !== queue.packets + 1) {
    queue.packets = 0;
    queue.bytes = 0;
    queue.largest = 0;
  }
  for (; queue.packets < waiting.length; queue.packets += 1) {
    const size = BYTES_PER_PACKET + sizeOf((waiting[queue.packets] as QueuedPacket).data);
    queue.bytes += size;
    queue.largest = Math.max(queue.largest, size);
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length;
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength;
  return 0;
}

/** Ends what was condemned once the emit that did it is over: its listeners may emit as well. */
class CondemnedConnections {
  #waiting: QueueingConnection[] = [];
  readonly #warning: RareWarning;

  constructor(private readonly runtime: HookRuntime) {
    this.#warning = new RareWarning(runtime);
  }

  add(connection: QueueingConnection): void {
    this.#waiting.push(connection);
    if (this.#waiting.length === 1) process.nextTick(() => this.#end());
  }

  #end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const connection of waiting) if (connection.readyState !== 'closed') this.#cut(connection);
  }

  #cut(connection: QueueingConnection): void {
    const { maxBufferedBytes } = this.runtime.settings;
    const { transport, id, writeBuffer } = connection;
    const error = new HookError(
      'E_SLOW_CONSUMER',
      `The client does not read what it is sent: ${writeBuffer.length} messages waited for it, more than ` +
        `\`sails.config.flotilla.maxBufferedBytes\` (${maxBufferedBytes}) allows. Its connection was ended.`,
    );
    this.runtime.counters.countClosed('slow-consumer');
    this.#warning.warn(`Flotilla: connection ${id} (${connection.remoteAddress}, ${transport.name}): ${error.message}`);
    // Listeners to `disconnect` get the error as the description of "transport error", from which clients can be recovered.
    if (typeof connection.onError === 'function') connection.onError(error);
    else connection.close(true);
    // Else `ws` would keep what it has for another 30 seconds, waiting for the client to close.
    transport.socket?.terminate?.();
  }
}
