import type { Server } from 'socket.io';
import type { HookRuntime } from '../runtime';
import { REFUSED } from '../server/allow-request';

/** What Engine.IO tells of a connection or a poll that it refuses. */
interface Refusal {
  code: number;
  context?: { name?: string; message?: string | null };
}

/** Engine.IO's error codes; 4 is what `allowRequest` refuses. */
const REASONS: Record<number, string> = {
  0: 'unknown-transport',
  1: 'unknown-session',
  2: 'bad-method',
  3: 'bad-request',
  5: 'unsupported-protocol',
};

const OWN_REASONS: ReadonlyMap<string, string> = new Map(
  Object.entries(REFUSED).map(([reason, text]) => [text, reason]),
);

/** Counts what Engine.IO refuses, by reason. */
export function countRefusedHandshakes(runtime: HookRuntime, io: Server): void {
  const { handshakesRefused } = runtime.counters;
  io.engine.on('connection_error', (refusal: Refusal) => {
    const reason = reasonOf(refusal);
    handshakesRefused.set(reason, (handshakesRefused.get(reason) ?? 0) + 1);
  });
}

function reasonOf({ code, context }: Refusal): string {
  // the only middleware of Engine.IO here is the one that checks origins
  if (context?.name === 'MIDDLEWARE_FAILURE') return 'origin';
  if (code === 4) return OWN_REASONS.get(context?.message ?? '') ?? 'before-connect';
  return REASONS[code] ?? 'other';
}
