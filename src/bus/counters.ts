import type { BusSnapshot } from '../metrics/bus-metrics';
import type { BusLog } from './fleet';
import type { RecoveryFailure } from './recovery/messages';

/** Why the bus dropped a message. */
export type BusDropReason =
  | 'malformed'
  | 'unknown-version'
  | 'bad-signature'
  | 'local-buffer-full'
  | 'hub-away'
  | 'link-down'
  | 'no-such-namespace'
  | 'late-answer';

/** What the bus counts of itself. One per process' membership. */
export class BusCounters {
  readonly droppedByReason = new Map<BusDropReason, number>();
  /** Messages whose handling raised an error. */
  failures = 0;
  /** Between workers and hub. */
  readonly local = { messagesOut: 0, bytesOut: 0, messagesIn: 0, bytesIn: 0 };
  /** Between pods. */
  readonly link = { messagesOut: 0, bytesOut: 0, messagesIn: 0, bytesIn: 0, duplicates: 0, gaps: 0 };
  /** Questions that somebody did not answer in time. */
  deadlineMisses = 0;
  /** Clients that came back and asked for their state. */
  readonly recovery = { recovered: 0, failedByReason: new Map<RecoveryFailure, number>() };

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

  /** A client that asked for its state gets a fresh socket. */
  recoveryFailed(reason: RecoveryFailure): void {
    const { failedByReason } = this.recovery;
    failedByReason.set(reason, (failedByReason.get(reason) ?? 0) + 1);
  }

  localSent(bytes: number): void {
    this.local.messagesOut += 1;
    this.local.bytesOut += bytes;
  }

  localReceived(bytes: number): void {
    this.local.messagesIn += 1;
    this.local.bytesIn += bytes;
  }

  /** Everything, for the metrics. */
  snapshot(): BusSnapshot {
    const { local, link, droppedByReason, failures, deadlineMisses, recovery } = this;
    return { local, link, droppedByReason, handlerFailures: failures, deadlineMisses, recovery };
  }

  linkSent(bytes: number): void {
    this.link.messagesOut += 1;
    this.link.bytesOut += bytes;
  }

  linkReceived(bytes: number): void {
    this.link.messagesIn += 1;
    this.link.bytesIn += bytes;
  }
}
