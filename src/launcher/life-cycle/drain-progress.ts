import type { Logger } from '../logger';

/** Milliseconds between two lines about the same drain. */
const SAY_EVERY_MS = 1_000;

/** Says how far the drain of a pod, or of one worker of it, has come. */
export class DrainProgress {
  readonly #workers = new Map<number, { left: number; of: number }>();
  #saidAt = 0;
  #said = '';

  constructor(private readonly log: Logger) {}

  /** A worker told how many of its sockets are left. */
  update(worker: number, left: number, of: number): void {
    this.#workers.set(worker, { left, of });
    const isOver = this.#left() === 0;
    const now = performance.now();
    if (!isOver && this.#saidAt > 0 && now - this.#saidAt < SAY_EVERY_MS) return;
    this.#saidAt = now;
    const text = `draining: ${this.#left()} of ${this.#of()} sockets left`;
    if (text !== this.#said) this.log.info({ left: this.#left(), of: this.#of() }, text);
    this.#said = text;
    // the next worker of a reload begins anew
    if (isOver) this.#workers.clear();
  }

  #left(): number {
    return [...this.#workers.values()].reduce((sum, { left }) => sum + left, 0);
  }

  #of(): number {
    return [...this.#workers.values()].reduce((sum, { of }) => sum + of, 0);
  }
}
