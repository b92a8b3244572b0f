/** Why the hook ended a connection. */
export type ClosingReason = 'slow-consumer' | 'max-age' | 'rebalance';

/** What the hook counts of itself, one object per app: `sails.hooks.sockets.counters`. */
export class HookCounters {
  /** Virtual requests received. */
  requests = 0;
  /** Messages that could not be understood as a virtual request. */
  parseErrors = 0;
  /** Virtual requests answered with 429 because their socket had too many in flight. */
  refusedOverLimit = 0;
  /** Virtual requests answered with 503 because the app was being lowered. */
  refusedWhileLowering = 0;
  /** Responses that waited for a join to be confirmed. */
  heldResponses = 0;
  /** Held responses that were sent unconfirmed, because the confirmation took too long. */
  heldTooLong = 0;
  /** Joins, leaves and the like that failed with nobody listening to the outcome. */
  failedOrders = 0;
  /** Messages from clients. */
  messagesIn = 0;
  /** Messages to clients. */
  messagesOut = 0;
  /** Connections and polls that Engine.IO refused, by reason. */
  readonly handshakesRefused = new Map<string, number>();
  /** Handshakes that waited for their turn, because there were many at once. */
  handshakesDelayed = 0;
  /** Connections that this side has ended by itself, by reason. */
  readonly connectionsClosed = new Map<ClosingReason, number>();

  countClosed(reason: ClosingReason): void {
    this.connectionsClosed.set(reason, (this.connectionsClosed.get(reason) ?? 0) + 1);
  }
}
