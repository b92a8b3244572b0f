import type { WorkerExit } from './worker-process';

/** Milliseconds that a worker must have been ready for its end to count as an accident, not as part of a crash loop. */
const STEADY_AFTER_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 5_000;
const MOST_BOOT_FAILURES = 3;
const MOST_CRASHES = 10;

/** What to do about a worker that ended. */
export type Verdict = { restartAfterMs: number } | { giveUp: true };

/** An ended worker, as far as the verdict depends on it. */
export interface EndedWorker {
  exit: WorkerExit;
  /** Milliseconds that it was ready; `undefined` if it never was. */
  readyForMs: number | undefined;
  /** Whether another attempt cannot help. */
  permanent: boolean;
  /** How many workers are ready now. */
  readyWorkers: number;
}

/**
 * Decides when an ended worker is replaced. The delay doubles with each early end in a row, to five seconds. With no worker
 * left, it gives up after three failures to lift in a row where none ever lifted, and after ten early ends else; a worker
 * that was ready and then killed from outside (SIGKILL) is replaced but is not held against the app.
 */
export class RestartPolicy {
  #everReady = false;
  #earlyEnds = 0;
  #crashes = 0;

  /** A worker became ready. */
  ready(): void {
    this.#everReady = true;
  }

  /** A worker has been ready for long enough. */
  steady(): void {
    this.#earlyEnds = 0;
    this.#crashes = 0;
  }

  judge(ended: EndedWorker): Verdict {
    if (ended.readyForMs !== undefined && ended.readyForMs >= STEADY_AFTER_MS) {
      this.steady();
      return { restartAfterMs: 0 };
    }
    this.#earlyEnds++;
    const killed = ended.readyForMs !== undefined && ended.exit.signal === 'SIGKILL';
    if (!killed) this.#crashes++;
    const limit = this.#everReady ? MOST_CRASHES : MOST_BOOT_FAILURES;
    if (ended.readyWorkers === 0 && !killed && (ended.permanent || this.#crashes >= limit)) return { giveUp: true };
    return { restartAfterMs: Math.min(FIRST_DELAY_MS * 2 ** (this.#earlyEnds - 1), LONGEST_DELAY_MS) };
  }
}

export { STEADY_AFTER_MS };
