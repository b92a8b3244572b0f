import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

/** How late timers were in the last finished window, in milliseconds. */
export interface EventLoopDelay {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** The sampling timer's period: what Node records includes it. */
const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;

/**
 * Watches how late the event loop of this process is. What it tells is about the last finished window of ten seconds (the
 * running one, until the first is over), so several readers do not disturb each other.
 */
export class EventLoopWatch {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  #last: EventLoopDelay | undefined;

  constructor() {
    this.#histogram.enable();
    this.#timer = setInterval(() => {
      this.#last = this.#read();
      this.#histogram.reset();
    }, WINDOW_MS);
    this.#timer.unref();
  }

  get delay(): EventLoopDelay {
    return this.#last ?? this.#read();
  }

  /** Forgets what was: lifting an app blocks the event loop, and nobody is served meanwhile. */
  restart(): void {
    this.#last = undefined;
    this.#histogram.reset();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #read(): EventLoopDelay {
    const late = (nanoseconds: number) =>
      Number.isFinite(nanoseconds) ? Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) : 0;
    if (this.#histogram.count === 0) return { p50Ms: 0, p99Ms: 0, maxMs: 0 };
    return {
      p50Ms: late(this.#histogram.percentile(50)),
      p99Ms: late(this.#histogram.percentile(99)),
      maxMs: late(this.#histogram.max),
    };
  }
}

/** Seconds that the event loop was busy, since the start. */
export function eventLoopActiveSeconds(): number {
  return performance.eventLoopUtilization().active / 1_000;
}
