import { Counter, Rate, Trend } from 'k6/metrics';

/** Every metric that these scripts add to those of the runtime. Times are in milliseconds. */
export const metrics = {
  /** Messages that subscribers were meant to get: senders' totals times members. */
  deliveriesExpected: new Counter('deliveries_expected'),
  deliveriesReceived: new Counter('deliveries_received'),
  missing: new Counter('missing'),
  duplicate: new Counter('duplicate'),
  outOfOrder: new Counter('out_of_order'),
  /** Share of the expected messages that came, where sockets may lose their connection. */
  delivered: new Rate('delivered'),
  /** Subscribers that saw the end of the run and settled their account. */
  subscribersDone: new Counter('subscribers_done'),
  /** Senders that saw all members, sent everything and got every acknowledgement. */
  publishersDone: new Counter('publishers_done'),
  messagesSent: new Counter('messages_sent'),
  /** From send to each subscriber; both ends read the clock of this machine. */
  broadcastLatency: new Trend('broadcast_latency', true),
  /** From send to the sender's own copy of the broadcast: one socket, one clock. */
  broadcastRoundTrip: new Trend('broadcast_round_trip', true),
  /** Tagged with `route`. From the moment the request was due, so that a stall is not left out. */
  virtualRequestLatency: new Trend('virtual_request_latency', true),
  virtualRequestsDue: new Counter('virtual_requests_due'),
  virtualRequestsAnswered: new Counter('virtual_requests_answered'),
  /** Answers with another status than 2xx, and requests without an answer. */
  virtualRequestsFailed: new Counter('virtual_requests_failed'),
  connects: new Counter('connects'),
  connectsFailed: new Counter('connects_failed'),
  timeToConnect: new Trend('time_to_connect', true),
  /** Connections that ended though nobody here had ended them. */
  disconnects: new Counter('disconnects'),
  /** From the loss of a connection until the socket was back, in its room. */
  reconnectGap: new Trend('reconnect_gap', true),
  reconnects: new Counter('reconnects'),
  /** Sessions that were seen over a socket as they were made over HTTP, and back. */
  sessionsShared: new Counter('sessions_shared'),
  sessionsWrong: new Counter('sessions_wrong'),
  /** Of those, how many were seen by another worker or pod than the one that made them. */
  sessionsAcrossWorkers: new Counter('sessions_across_workers'),
};

/** Makes counters that a threshold holds at zero exist, also in a run that never counts anything. */
export function declareZeros(): void {
  metrics.missing.add(0);
  metrics.duplicate.add(0);
  metrics.outOfOrder.add(0);
  metrics.connectsFailed.add(0);
}
