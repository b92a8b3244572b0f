import type { Server } from 'socket.io';
import type { HookRuntime } from '../runtime';

/** What Engine.IO tells of a connection or a poll that it refuses. */
interface Refusal {
  code: number;
  context?: { name?: string };
}

/** Engine.IO's error codes; 4 is what `allowRequest` refuses. */
const REASONS: Record<number, string> = {
  0: 'unknown-transport',
  1: 'unknown-session',
  2: 'bad-method',
  3: 'bad-request',
  5: 'unsupported-protocol',
};

/** Counts what Engine.IO refuses, by reason. */
export function countRefusedHandshakes(runtime: HookRuntime, io: Server): void {
  const { handshakesRefused } = runtime.counters;
  io.engine.on('connection_error', (refusal: Refusal) => {
    const reason = reasonOf(refusal, runtime.lowering);
    handshakesRefused.set(reason, (handshakesRefused.get(reason) ?? 0) + 1);
  });
}

function reasonOf({ code, context }: Refusal, lowering: boolean): string {
  // the only middleware of Engine.IO here is the one that checks origins
  if (context?.name === 'MIDDLEWARE_FAILURE') return 'origin';
  if (code === 4) return lowering ? 'lowering' : 'before-connect';
  return REASONS[code] ?? 'other';
}
