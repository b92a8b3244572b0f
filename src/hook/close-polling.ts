import { endInBatches, FLUSH_LIMIT_MS } from './paced-ends';
import type { HookRuntime } from './runtime';
import { closeConnections, type EngineConnection, openConnections } from './server/engine-connections';
import { shuffle } from './shuffle';

/**
 * Ends the connections that poll now, in paced batches and random order, with an Engine.IO close: their clients come back
 * at once. New ones are taken meanwhile, and are not ended: nobody waits for a place.
 * @param windowMs over how long the ends are spread, at most
 * @returns how many were ended
 */
export async function closePolling(runtime: HookRuntime, windowMs: number): Promise<number> {
  if (runtime.draining || !runtime.hasServer) return 0;
  const waiting = shuffle(openConnections(runtime).filter(isPolling));
  const closing: Promise<void>[] = [];
  let ended = 0;
  await endInBatches(waiting, {
    windowMs,
    endSome: (count) => {
      // one that has become a websocket meanwhile needs no pod routing
      const due = waiting.splice(0, count).filter(isPolling);
      ended += due.length;
      closing.push(closeConnections(due, FLUSH_LIMIT_MS));
    },
  });
  await Promise.all(closing);
  return ended;
}

function isPolling({ transport, upgrading }: EngineConnection): boolean {
  return transport.name === 'polling' && !upgrading;
}
