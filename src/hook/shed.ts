import { closeWithHint } from './drain';
import { endInBatches } from './paced-ends';
import type { HookRuntime } from './runtime';
import { type EngineConnection, openConnections } from './server/engine-connections';
import { shuffle } from './shuffle';

/** How many of its connections a process gives up, so that others get their share. */
export interface ShedOptions {
  /** So many at most. */
  count: number;
  /** It keeps at least so many. */
  keep: number;
  /** Over how long the ends are spread, in milliseconds; few take less. */
  windowMs: number;
}

/**
 * Ends some connections in the way of a drain, those chosen by chance, and serves on: their clients come back at once, to
 * wherever new connections go. One that waits for an answer, is on its way to another transport or has not joined a
 * namespace yet is left alone.
 * @returns how many were ended
 */
export async function shed(runtime: HookRuntime, { count, keep, windowMs }: ShedOptions): Promise<number> {
  if (!runtime.hasServer) return 0;
  const waiting = shuffle(openConnections(runtime).filter((connection) => isIdle(runtime, connection))).slice(0, count);
  const closing: Promise<void>[] = [];
  let ended = 0;
  await endInBatches(waiting, {
    windowMs,
    endSome: (due) => {
      const spare = Math.max(0, openConnections(runtime).length - keep);
      const ending = waiting.splice(0, due).filter((connection) => isIdle(runtime, connection));
      ending.splice(spare);
      for (const _connection of ending) runtime.counters.countClosed('rebalance');
      ended += ending.length;
      closing.push(closeWithHint(runtime, ending));
    },
    isOver: () => runtime.draining || runtime.lowering,
  });
  await Promise.all(closing);
  return ended;
}

function isIdle(runtime: HookRuntime, connection: EngineConnection): boolean {
  const { connections } = runtime;
  return connections.of(connection).length > 0 && !connections.isBusy(connection) && connection.upgrading !== true;
}
