import { messageOf } from '../errors';
import type { Logger } from '../logger';
import type { Retirement, Supervisor } from '../supervisor';
import type { WorkerProcess } from '../worker-process';

/** What a {@link WorkerWatch} needs. */
export interface WorkerWatchOptions {
  supervisor: Supervisor;
  /** A worker that has not been heard for so long is stuck; 0: never. */
  stuckAfterMs: number;
  /** Whether a stuck worker is replaced. */
  replaceStuck: boolean;
  /** A worker whose heap stays fuller than this is replaced; 0 replaces none. */
  recycleAtPercent: number;
  /** How a worker that is replaced is told to end. */
  retirement: Retirement;
  log: Logger;
}

/** Beats in a row with a full heap: garbage that is about to be collected is no reason. */
const FULL_BEATS = 3;
/** A stuck worker does not hear that it is to end. */
const STUCK_GRACE_MS = 500;
/** After a replacement that did not lift. */
const TRY_AGAIN_AFTER_MS = 60_000;

interface Watched {
  lastBeat: number;
  fullBeats: number;
}

/** How often workers tell that they live, for a limit. */
export function beatEveryMs(stuckAfterMs: number): number {
  return stuckAfterMs === 0 ? 1_000 : Math.max(50, Math.min(1_000, Math.floor(stuckAfterMs / 4)));
}

/**
 * Looks after the workers that serve: one whose event loop is blocked gets no new connections and is replaced where that is
 * wanted; one whose heap is nearly full is replaced, by drain, before it runs out of memory.
 */
export class WorkerWatch {
  readonly #watched = new Map<WorkerProcess, Watched>();
  readonly #timer: NodeJS.Timeout;
  #isReplacing = false;
  #nextTryAt = 0;

  constructor(private readonly options: WorkerWatchOptions) {
    const everyMs = beatEveryMs(options.stuckAfterMs);
    options.supervisor.on('forked', (worker) => {
      worker.on('message', (message) => {
        if (message.flotilla === 'beat') this.#beat(worker, message.heapPercent);
      });
    });
    options.supervisor.on('gone', (worker) => this.#watched.delete(worker));
    let lastLook = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      // a primary that was busy itself has not read the beats yet
      const wasBusy = now - lastLook > 2 * everyMs;
      lastLook = now;
      for (const [worker, watched] of this.#watched) {
        if (wasBusy) watched.lastBeat = now;
        else if (options.stuckAfterMs > 0 && now - watched.lastBeat > options.stuckAfterMs) this.#stuck(worker);
      }
    }, everyMs);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(worker: WorkerProcess, heapPercent: number): void {
    const watched = this.#watched.get(worker) ?? { lastBeat: 0, fullBeats: 0 };
    this.#watched.set(worker, watched);
    watched.lastBeat = performance.now();
    if (worker.isStuck) {
      worker.isStuck = false;
      this.options.log.warn({ worker: worker.number, pid: worker.pid }, `worker ${worker.number} is no longer stuck`);
    }
    const { recycleAtPercent, log, retirement } = this.options;
    watched.fullBeats = recycleAtPercent > 0 && heapPercent >= recycleAtPercent ? watched.fullBeats + 1 : 0;
    if (watched.fullBeats < FULL_BEATS || !this.#mayReplace(worker)) return;
    watched.fullBeats = 0;
    log.warn(
      { worker: worker.number, pid: worker.pid, heapPercent: Math.round(heapPercent) },
      `worker ${worker.number} has used ${Math.round(heapPercent)} % of its heap: it is replaced`,
    );
    void this.#replace(worker, () => retirement);
  }

  #stuck(worker: WorkerProcess): void {
    if (worker.state !== 'ready') return;
    const { log, stuckAfterMs, replaceStuck, retirement } = this.options;
    if (!worker.isStuck) {
      worker.isStuck = true;
      log.error(
        { worker: worker.number, pid: worker.pid },
        `worker ${worker.number} is stuck: its event loop has been blocked for over ${stuckAfterMs} ms; it gets no new connections`,
      );
    }
    if (!replaceStuck || !this.#mayReplace(worker)) return;
    void this.#replace(worker, () => (worker.isStuck ? { windowMs: 0, graceMs: STUCK_GRACE_MS } : retirement));
  }

  #mayReplace(worker: WorkerProcess): boolean {
    const { supervisor } = this.options;
    if (this.#isReplacing || performance.now() < this.#nextTryAt) return false;
    return worker.state === 'ready' && !supervisor.isBeingReplaced(worker);
  }

  async #replace(worker: WorkerProcess, retirement: () => Retirement): Promise<void> {
    this.#isReplacing = true;
    try {
      await this.options.supervisor.replace(worker, retirement);
    } catch (error) {
      this.#nextTryAt = performance.now() + TRY_AGAIN_AFTER_MS;
      this.options.log.error(`worker ${worker.number} could not be replaced: ${messageOf(error)}`);
    } finally {
      this.#isReplacing = false;
    }
  }
}
