import cluster, { type Worker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { type FromWorker, type Introduction, isFlotillaMessage, type ToWorker } from './messages';
import type { RawHandle } from './raw-handle';

/**
 * `starting`: its app is not lifted. `ready`: takes connections. `stopping`: was told to stop; still reachable for its
 * sessions. `gone`: the process has ended.
 */
export type WorkerState = 'starting' | 'ready' | 'stopping' | 'gone';

/** A connection on its way to a worker. */
export interface Delivery extends Introduction {
  handle: RawHandle;
  /** It is an upgrade of a session that this worker has: no other can take it. */
  isOwned?: boolean;
  /** What is to be written on it first: then it comes from another pod, and is for this worker only. */
  answer?: Uint8Array;
  /** What is to be written on a connection of another pod where the worker is gone. */
  goneAnswer?: Uint8Array;
}

/** How a worker process ended. */
export interface WorkerExit {
  code: number | null;
  signal: string | null;
  /** What the worker said itself before it ended. */
  failure: { code: string | undefined; message: string } | undefined;
}

interface WorkerEvents {
  message: [message: FromWorker, handle: RawHandle | undefined];
  exit: [exit: WorkerExit];
  /** The worker took some deliveries: it has room again. */
  taken: [];
  /** Connections of it have ended; what each was counted as. */
  ended: [countedAs: string[]];
  /** A delivery did not arrive. */
  undelivered: [delivery: Delivery];
}

/**
 * Deliveries that one worker may have on the way. A worker that is too busy to take them gets no more: Node sends the next
 * handle when the one before was taken, and every other message waits behind them, the one to stop included.
 */
const MOST_ON_THE_WAY = 64;

/** One worker process, as the primary sees it. Sending to it never throws, whatever state its channel is in. */
export class WorkerProcess extends EventEmitter<WorkerEvents> {
  state: WorkerState = 'starting';
  /** Whether its event loop is blocked: it gets no new connections. */
  isStuck = false;
  /** Whether it was told to end. */
  retired = false;
  /** The worker that it is to replace, until it is ready. */
  replaces: WorkerProcess | undefined;
  /** Engine.IO connections, polling ones too, as it said last: at most a second ago, unless it is stuck. */
  sockets = 0;
  /** When it was heard last, whatever it said: milliseconds since the epoch. A worker that serves beats once a second. */
  heardAt = 0;
  readonly startedAt = Date.now();
  /** Milliseconds since the epoch, once it is ready. */
  readyAt: number | undefined;
  #connections = 0;
  #lastSeq = 0;
  #takenSeq = 0;
  readonly #onTheWay = new Map<number, Delivery>();
  readonly #worker: Worker;
  #failure: WorkerExit['failure'];

  constructor(
    readonly number: number,
    readonly tag: string,
    environment: NodeJS.ProcessEnv,
  ) {
    super();
    this.#worker = cluster.fork(environment);
    this.#worker.on('message', (message: unknown, handle: unknown) => {
      if (isFlotillaMessage(message)) this.#receive(message as FromWorker, handle as RawHandle | undefined);
    });
    this.#worker.on('exit', (code: number | null, signal: string | null) => this.#exited(code, signal));
    // a closed channel or a broken pipe: the exit follows
    this.#worker.on('error', () => {});
    this.#worker.process.on('error', () => {});
  }

  get pid(): number | undefined {
    return this.#worker.process.pid;
  }

  /** Open connections: what the worker reports, and what was sent to it since. */
  get load(): number {
    return this.#connections + (this.#lastSeq - this.#takenSeq);
  }

  /** How many connections it has been given in its life. */
  get given(): number {
    return this.#lastSeq;
  }

  /** Whether it can be given another connection. */
  get hasRoom(): boolean {
    return (
      this.state === 'ready' && !this.isStuck && this.#worker.isConnected() && this.#onTheWay.size < MOST_ON_THE_WAY
    );
  }

  /** Whether it can be given an upgrade of one of its own sessions. */
  get isReachable(): boolean {
    return (this.state === 'ready' || this.state === 'stopping') && this.#worker.isConnected();
  }

  /** The worker under Node's own cluster module. */
  get clusterWorker(): Worker {
    return this.#worker;
  }

  send(message: ToWorker): void {
    this.#send(message, undefined, () => {});
  }

  /** Passes a connection on; our copy of it is closed when the worker has taken its own. */
  deliver(delivery: Delivery): void {
    const seq = ++this.#lastSeq;
    this.#onTheWay.set(seq, delivery);
    this.#send(messageOf(delivery, seq), delivery.handle, (error) => {
      if (error && this.#onTheWay.delete(seq)) this.emit('undelivered', delivery);
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#worker.process.kill(signal);
  }

  #send(message: ToWorker, handle: RawHandle | undefined, callback: (error: Error | null) => void): void {
    try {
      // typed for sockets and servers only; Node takes raw handles as well, its cluster module sends nothing else
      this.#worker.process.send(message, handle as never, undefined as never, callback);
    } catch (error) {
      callback(error as Error);
    }
  }

  #receive(message: FromWorker, handle: RawHandle | undefined): void {
    this.heardAt = Date.now();
    if (message.flotilla === 'load') {
      this.#connections = message.connections;
      if (message.ended) this.emit('ended', message.ended);
      this.#took(message.taken);
      return;
    }
    if (message.flotilla === 'beat') this.sockets = message.sockets;
    if (message.flotilla === 'failed') this.#failure = { code: message.code, message: message.message };
    this.emit('message', message, handle);
  }

  #took(seq: number): void {
    if (seq <= this.#takenSeq) return;
    for (let taken = this.#takenSeq + 1; taken <= seq; taken++) {
      this.#onTheWay.get(taken)?.handle.close();
      this.#onTheWay.delete(taken);
    }
    this.#takenSeq = seq;
    this.emit('taken');
  }

  #exited(code: number | null, signal: string | null): void {
    this.state = 'gone';
    const lost = [...this.#onTheWay.values()];
    this.#onTheWay.clear();
    this.emit('exit', { code, signal, failure: this.#failure });
    for (const delivery of lost) this.emit('undelivered', delivery);
  }
}

function messageOf({ answer, goneAnswer, head, client, countedAs }: Delivery, seq: number): ToWorker {
  if (answer && goneAnswer) return { flotilla: 'peer', seq, answer, goneAnswer };
  return { flotilla: 'connection', seq, head, client, countedAs };
}
