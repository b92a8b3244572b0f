import type { BusLog } from './fleet';

/** Why the bus dropped a message. */
export type BusDropReason =
  | 'malformed'
  | 'unknown-version'
  | 'local-buffer-full'
  | 'hub-away'
  | 'no-such-namespace'
  | 'late-answer';

/** What the bus counts of itself. One per process' membership. */
export class BusCounters {
  readonly droppedByReason = new Map<BusDropReason, number>();
  failures = 0;

  constructor(private readonly log: BusLog) {}

  /** A message was dropped. */
  dropped(reason: BusDropReason): void {
    this.droppedByReason.set(reason, (this.droppedByReason.get(reason) ?? 0) + 1);
  }

  /** Handling a message raised an error: it is logged and counted, never thrown into the transport. */
  failed(error: unknown): void {
    this.failures += 1;
    this.log.error(`Flotilla: handling a bus message failed: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
