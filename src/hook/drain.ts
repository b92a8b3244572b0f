import { endInBatches, FLUSH_LIMIT_MS } from './paced-ends';
import type { HookRuntime } from './runtime';
import { closeConnections, type EngineConnection, openConnections } from './server/engine-connections';
import { shuffle } from './shuffle';

/** How a process gives up its sockets. */
export interface DrainOptions {
  /** Over how long their ends are spread, at most, in milliseconds; few sockets take less. */
  windowMs: number;
  /** After this many milliseconds it is over, whatever is still open. */
  deadlineMs: number;
  /** Hears how many of the connected clients are left. */
  onProgress?: (left: number, of: number) => void;
}

/** The event that tells a client that its connection is about to end. */
export const DRAIN_EVENT = 'flotilla:drain';

const PROGRESS_EVERY_MS = 500;
/** Clients are asked to come back after a random time up to this. */
const LATEST_RETURN_MS = 1_000;
/** Our own clients sooner: the cuts are spread over the window already, this spreads those of one batch. */
const OWN_CLIENT_LATEST_RETURN_MS = 50;

/**
 * Ends every socket of this process in paced batches, by closing the *connection*: clients come back by themselves, and
 * can be recovered, which they don't and can't after `socket.disconnect()`. Clients that
 * poll come first, since their next poll may find no listener; connections with a request in flight come last. New handshakes are refused from the beginning, new virtual requests once the window is over. Then it waits for the
 * requests in flight and for `afterDisconnect`.
 */
export async function drain(runtime: HookRuntime, options: DrainOptions): Promise<void> {
  if (runtime.draining || !runtime.hasServer) return;
  runtime.draining = true;
  const begun = performance.now();
  const leftMs = () => Math.max(0, options.deadlineMs - (performance.now() - begun));
  const waiting = inOrderOfEnd(openConnections(runtime));
  const total = waiting.length;
  const tell = progressTeller(options, total);
  tell(total);
  const closing: Promise<void>[] = [];
  await endInBatches(waiting, {
    windowMs: Math.min(options.windowMs, leftMs()),
    endSome: (due, isLast) => {
      closing.push(closeWithHint(runtime, takeIdle(runtime, waiting, due)));
      tell(waiting.length);
      // what is left is busy: it ends as its requests are answered, and gets no new ones
      if (isLast) runtime.lowering = true;
    },
    isOver: () => leftMs() === 0,
  });
  runtime.lowering = true;
  await runtime.requests.idleWithin(leftMs());
  closing.push(closeWithHint(runtime, openConnections(runtime)));
  await Promise.all(closing);
  await runtime.farewells.settleWithin(leftMs());
  tell(0);
}

/** Removes up to so many connections that wait for no answer. */
function takeIdle(runtime: HookRuntime, waiting: EngineConnection[], count: number): EngineConnection[] {
  const taken: EngineConnection[] = [];
  for (let index = waiting.length - 1; index >= 0 && taken.length < count; index--) {
    const connection = waiting[index] as EngineConnection;
    if (runtime.connections.isBusy(connection)) continue;
    waiting.splice(index, 1);
    taken.push(connection);
  }
  return taken;
}

/** Ends connections in the way that clients come back from, and tells the clients that understand it when to. */
export function closeWithHint(runtime: HookRuntime, connections: EngineConnection[]): Promise<void> {
  for (const connection of connections) hint(runtime, connection);
  return closeConnections(connections, FLUSH_LIMIT_MS);
}

/**
 * Our own client is always told, others where it is switched on. Clients of Engine.IO 3 are not: sails.io.js warns of
 * events that it has no listener for.
 */
function hint(runtime: HookRuntime, connection: EngineConnection): void {
  if (connection.protocol !== 4) return;
  for (const { socket } of runtime.connections.of(connection)) {
    const isOwnClient = socket.handshake.query.__flotilla_client !== undefined;
    if (!isOwnClient && !runtime.settings.drainHint) continue;
    const latestMs = isOwnClient ? OWN_CLIENT_LATEST_RETURN_MS : LATEST_RETURN_MS;
    socket.emit(DRAIN_EVENT, { retryAfterMs: Math.round(Math.random() * latestMs) });
  }
}

function progressTeller({ onProgress }: DrainOptions, total: number): (left: number) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  let told = -1;
  return (left) => {
    const now = performance.now();
    if (left === told || (left > 0 && left < total && now - toldAt < PROGRESS_EVERY_MS)) return;
    toldAt = now;
    told = left;
    onProgress?.(left, total);
  };
}

/** In random order, those that poll at the end, which is taken first. */
function inOrderOfEnd(connections: EngineConnection[]): EngineConnection[] {
  const polls = (connection: EngineConnection) => connection.transport.name === 'polling';
  const shuffled = shuffle(connections);
  return [...shuffled.filter((connection) => !polls(connection)), ...shuffled.filter(polls)];
}
