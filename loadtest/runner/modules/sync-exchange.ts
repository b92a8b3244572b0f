import { join } from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Exchange, ExchangeResult } from './http-exchange';

/** Makes requests while this thread waits: another thread does the work. For `setup` and `teardown`. */
export class SyncExchanger {
  readonly #signal = new Int32Array(new SharedArrayBuffer(4));
  readonly #channel = new MessageChannel();
  readonly #worker: Worker;

  constructor() {
    this.#worker = new Worker(join(__dirname, 'sync-exchange-thread.js'), {
      workerData: { signal: this.#signal, port: this.#channel.port2 },
      transferList: [this.#channel.port2],
    });
    this.#worker.unref();
    this.#channel.port1.unref();
  }

  exchange(order: Exchange): ExchangeResult {
    const before = Atomics.load(this.#signal, 0);
    this.#channel.port1.postMessage(order);
    Atomics.wait(this.#signal, 0, before);
    return (receiveMessageOnPort(this.#channel.port1) as { message: ExchangeResult }).message;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
