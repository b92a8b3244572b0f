import type { EngineConnection } from './server/engine-connections';

/**
 * Connections are not ended slower than one in so many milliseconds: a few do not need a whole window. Twice as fast, their
 * handshakes queue where two workers share two cores with whatever else runs there.
 */
const LONGEST_BETWEEN_MS = 20;
const BATCH_EVERY_MS = 50;

/** How long a polling client may take to fetch what is still to be sent to it. */
export const FLUSH_LIMIT_MS = 200;

/** How the ends of connections are spread. */
export interface Pace {
  /** Over how long at most, in milliseconds; few connections take less. */
  windowMs: number;
  /**
   * Takes up to so many connections off those that wait, and ends them. Less is made up for by the next batch.
   * @param isLast whether the window is over: it is called on while some are left
   */
  endSome(due: number, isLast: boolean): void;
  /** Whether it is over, whatever is left. Default: never. */
  isOver?(): boolean;
}

/** Has the connections that wait ended in batches over a window, until none is left. */
export async function endInBatches(waiting: EngineConnection[], pace: Pace): Promise<void> {
  const total = waiting.length;
  const spreadMs = Math.min(pace.windowMs, total * LONGEST_BETWEEN_MS);
  const begun = performance.now();
  while (waiting.length > 0) {
    const share = spreadMs === 0 ? 1 : Math.min(1, (performance.now() - begun) / spreadMs);
    pace.endSome(Math.ceil(total * share) - (total - waiting.length), share === 1);
    if (waiting.length === 0 || pace.isOver?.()) return;
    await new Promise((resolve) => setTimeout(resolve, BATCH_EVERY_MS * (0.5 + Math.random())));
  }
}
