import type { SailsApp } from '../../types/sails';

const AT_MOST_EVERY_MS = 10_000;

/** A warning that clients can cause: logged at once, then at most every ten seconds, with how many were left out. */
export class RareWarning {
  #loggedAt = Number.NEGATIVE_INFINITY;
  #leftOut = 0;

  constructor(private readonly owner: { app: Pick<SailsApp, 'log'> }) {}

  warn(message: string): void {
    const now = performance.now();
    if (now - this.#loggedAt < AT_MOST_EVERY_MS) {
      this.#leftOut += 1;
      this.owner.app.log.verbose(message);
      return;
    }
    const more = this.#leftOut > 0 ? ` (${this.#leftOut} more of these since the last one was logged)` : '';
    this.#loggedAt = now;
    this.#leftOut = 0;
    this.owner.app.log.warn(message + more);
  }
}
