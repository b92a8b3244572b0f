import type { HookRuntime } from './runtime';
import { closeConnections, type EngineConnection, openConnections } from './server/engine-connections';
import { shuffle } from './shuffle';

const BATCH_EVERY_MS = 50;
/** Connections are not closed slower than one in so many milliseconds. */
const LONGEST_BETWEEN_MS = 10;
/** How long a client may take to fetch what is still to be sent to it. */
const FLUSH_LIMIT_MS = 200;

/**
 * Ends the connections that poll now, in paced batches and random order, with an Engine.IO close: their clients come back
 * at once. New ones are taken meanwhile, and are not ended: nobody waits for a place.
 * @param windowMs over how long the ends are spread, at most
 * @returns how many were ended
 */
export async function closePolling(runtime: HookRuntime, windowMs: number): Promise<number> {
  if (runtime.draining || !runtime.hasServer) return 0;
  const waiting = shuffle(openConnections(runtime).filter(isPolling));
  const total = waiting.length;
  const spreadMs = Math.min(windowMs, total * LONGEST_BETWEEN_MS);
  const begun = performance.now();
  const closing: Promise<void>[] = [];
  let ended = 0;
  while (waiting.length > 0) {
    const share = spreadMs === 0 ? 1 : Math.min(1, (performance.now() - begun) / spreadMs);
    // one that has become a websocket meanwhile needs no pod routing
    const due = waiting.splice(0, Math.ceil(total * share) - (total - waiting.length)).filter(isPolling);
    ended += due.length;
    closing.push(closeConnections(due, FLUSH_LIMIT_MS));
    if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, BATCH_EVERY_MS * (0.5 + Math.random())));
  }
  await Promise.all(closing);
  return ended;
}

function isPolling({ transport, upgrading }: EngineConnection): boolean {
  return transport.name === 'polling' && !upgrading;
}
