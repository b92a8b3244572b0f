import type { WorkerProcess } from '../worker-process';

/**
 * Gives each live worker the lowest place that is free, from 1. Worker numbers only grow; places stay few, and so do the
 * series of the metrics.
 */
export class Places {
  readonly #places = new Map<WorkerProcess, number>();

  add(worker: WorkerProcess): void {
    const taken = new Set(this.#places.values());
    let place = 1;
    while (taken.has(place)) place++;
    this.#places.set(worker, place);
    worker.once('exit', () => this.#places.delete(worker));
  }

  of(worker: WorkerProcess): number {
    return this.#places.get(worker) ?? 0;
  }
}
