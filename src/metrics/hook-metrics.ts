import { type Metric, Registry } from 'prom-client';
import { type BusSnapshot, declareBusMetrics } from './bus-metrics';
import { Declarations, type MetricReading } from './declarations';
import { RequestLatencies } from './request-latencies';

/** The numbers that the hook has at the moment of reading. */
export interface HookReading {
  /** Open client connections, by transport and Engine.IO version. */
  connections: Array<{ transport: string; protocol: number; count: number }>;
  /** Connected sockets of every namespace. */
  sockets: number;
  /** Rooms besides those that every socket has to itself. */
  rooms: number;
  /** Messages from and to clients, since the start. */
  messagesIn: number;
  messagesOut: number;
  requestsInFlight: number;
  parseErrors: number;
  refusedOverLimit: number;
  refusedWhileLowering: number;
  heldResponses: number;
  heldTooLong: number;
  failedOrders: number;
  handshakesRefused: ReadonlyMap<string, number>;
  handshakesDelayed: number;
  /** Connections that the hook has ended by itself, by reason. */
  connectionsClosed: ReadonlyMap<string, number>;
  /** Absent where a third-party adapter takes the place of the bus. */
  bus: BusSnapshot | undefined;
  /** Absent where the app has no session store of ours. */
  sessions: SessionReading | undefined;
}

/** How the session store of this process does. */
export interface SessionReading {
  operations: Record<string, { calls: number; errors: number; totalMs: number }>;
  merged: number;
  gone: number;
  touchesSpared: number;
}

/** A few numbers of the hook, cheap enough to be read all the time. Counts are since the start. */
export interface HookPulse {
  sockets: number;
  rooms: number;
  /** Messages from and to clients. */
  messagesIn: number;
  messagesOut: number;
  requests: number;
  /** Messages of the bus, in both directions. */
  busMessages: number;
  /** Operations on the session store; absent where it is none of ours. */
  sessionCalls?: number;
  sessionErrors?: number;
}

/** The metrics of one Sails app, in a registry of their own. */
export class HookMetrics {
  readonly registry = new Registry();
  readonly #requests = new RequestLatencies();
  /** One for all metrics of a reading: making it looks at every connection. */
  #reading: HookReading | undefined;

  constructor(makeReading: () => HookReading) {
    const read = () => {
      this.#reading ??= makeReading();
      return this.#reading;
    };
    this.registry.registerMetric(this.#requests as unknown as Metric);
    declareConnections(this.registry, read);
    declareRequests(this.registry, read);
    declareSessions(this.registry, read);
    declareBusMetrics(this.registry, () => read().bus);
  }

  /**
   * A virtual request was answered.
   * @param route the pattern of the route that answered it; `undefined` where none did
   * @param seconds from its arrival to its response
   */
  requestAnswered(method: string, route: unknown, statusCode: number, seconds: number): void {
    this.#requests.observe(method, route, statusCode, seconds);
  }

  /** Everything, as plain data. */
  read(): Promise<MetricReading[]> {
    this.#reading = undefined;
    return this.registry.getMetricsAsJSON() as Promise<MetricReading[]>;
  }
}

function declareConnections(registry: Registry, read: () => HookReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge(
    'flotilla_connections',
    'Open connections of clients, by transport and version of the Engine.IO protocol.',
    ['transport', 'protocol'],
    (report) => {
      for (const { transport, protocol, count } of read().connections) report(count, { transport, protocol });
    },
  );
  metrics.gauge('flotilla_sockets', 'Connected sockets, those of all namespaces together.', [], (report) =>
    report(read().sockets),
  );
  metrics.gauge(
    'flotilla_rooms',
    'Rooms that have somebody in this worker; those that each socket has to itself are not counted.',
    [],
    (report) => report(read().rooms),
  );
  metrics.counter(
    'flotilla_messages_total',
    'Messages from clients (in) and to clients (out), requests and answers included.',
    ['direction'],
    (report) => {
      const { messagesIn, messagesOut } = read();
      report(messagesIn, { direction: 'in' });
      report(messagesOut, { direction: 'out' });
    },
  );
  metrics.counter(
    'flotilla_handshakes_refused_total',
    'Connections and polls of clients that were refused, by reason.',
    ['reason'],
    (report) => {
      for (const [reason, count] of read().handshakesRefused) report(count, { reason });
    },
  );
  metrics.counter(
    'flotilla_handshakes_delayed_total',
    'Handshakes that waited for their turn, because more than handshakesPerSecond came at once.',
    [],
    (report) => report(read().handshakesDelayed),
  );
  metrics.counter(
    'flotilla_connections_ended_total',
    'Connections that this side has ended while the worker went on, by reason.',
    ['reason'],
    (report) => {
      for (const [reason, count] of read().connectionsClosed) report(count, { reason });
    },
  );
}

function declareRequests(registry: Registry, read: () => HookReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge('flotilla_virtual_requests_in_flight', 'Virtual requests that are not answered yet.', [], (report) =>
    report(read().requestsInFlight),
  );
  metrics.counter(
    'flotilla_virtual_requests_rejected_total',
    'Messages that reached no route: not a virtual request, too many at once, or the app was being lowered.',
    ['reason'],
    (report) => {
      const { parseErrors, refusedOverLimit, refusedWhileLowering } = read();
      report(parseErrors, { reason: 'parse-error' });
      report(refusedOverLimit, { reason: 'over-limit' });
      report(refusedWhileLowering, { reason: 'lowering' });
    },
  );
  metrics.counter(
    'flotilla_responses_held_total',
    'Virtual responses that waited for joins to be confirmed, by outcome.',
    ['outcome'],
    (report) => {
      const { heldResponses, heldTooLong } = read();
      report(heldResponses - heldTooLong, { outcome: 'confirmed' });
      report(heldTooLong, { outcome: 'timed-out' });
    },
  );
  metrics.counter(
    'flotilla_failed_orders_total',
    'Joins, leaves and the like that failed and whose caller did not listen to the outcome.',
    [],
    (report) => report(read().failedOrders),
  );
}

function declareSessions(registry: Registry, read: () => HookReading): void {
  const metrics = new Declarations(registry);
  metrics.counter(
    'flotilla_session_operations_total',
    'Operations on the session store, by kind and outcome.',
    ['operation', 'outcome'],
    (report) => {
      for (const [operation, { calls, errors }] of Object.entries(read().sessions?.operations ?? {})) {
        report(calls - errors, { operation, outcome: 'ok' });
        report(errors, { operation, outcome: 'failed' });
      }
    },
  );
  metrics.counter(
    'flotilla_session_operation_seconds_total',
    'Time spent waiting for the session store, by kind of operation.',
    ['operation'],
    (report) => {
      for (const [operation, { totalMs }] of Object.entries(read().sessions?.operations ?? {})) {
        report(totalMs / 1_000, { operation });
      }
    },
  );
  metrics.counter(
    'flotilla_session_conflicts_total',
    'Saves that came after somebody else’s: merged by key, or dropped since the session was gone.',
    ['outcome'],
    (report) => {
      const { sessions } = read();
      if (!sessions) return;
      report(sessions.merged, { outcome: 'merged' });
      report(sessions.gone, { outcome: 'gone' });
    },
  );
  metrics.counter(
    'flotilla_session_touches_spared_total',
    'Renewals of sessions that were left out, since another was made a short while before.',
    [],
    (report) => {
      const { sessions } = read();
      if (sessions) report(sessions.touchesSpared);
    },
  );
}
