import type { WorkerProcess } from '../worker-process';

/** How many connections each address has, over all workers. */
export class ConnectionsByAddress {
  readonly #total = new Map<string, number>();
  readonly #ofWorker = new Map<WorkerProcess, Map<string, number>>();

  of(key: string): number {
    return this.#total.get(key) ?? 0;
  }

  /** A worker was given a connection. */
  add(worker: WorkerProcess, key: string): void {
    let counts = this.#ofWorker.get(worker);
    if (!counts) {
      counts = new Map();
      this.#ofWorker.set(worker, counts);
    }
    change(counts, key, 1);
    change(this.#total, key, 1);
  }

  /** One of its connections has ended. */
  remove(worker: WorkerProcess, key: string): void {
    const counts = this.#ofWorker.get(worker);
    if (!counts?.has(key)) return;
    change(counts, key, -1);
    change(this.#total, key, -1);
  }

  /** All of its connections have ended. */
  workerGone(worker: WorkerProcess): void {
    for (const [key, count] of this.#ofWorker.get(worker) ?? []) change(this.#total, key, -count);
    this.#ofWorker.delete(worker);
  }
}

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
