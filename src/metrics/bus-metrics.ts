import { Counter, Gauge, type Registry } from 'prom-client';

/** Messages and bytes of one tier of the bus since the start of the process. */
export interface TierCounts {
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** The state of a process' part of the bus at one moment. */
export interface BusSnapshot {
  /** Between the workers of a pod and their hub. */
  local: TierCounts;
  /** Between pods. */
  link: TierCounts & { duplicates: number };
  droppedByReason: ReadonlyMap<string, number>;
  handlerFailures: number;
  deadlineMisses: number;
  /** Only in the process that holds the hub. */
  hub?: {
    rooms: number;
    pods: number;
    workers: number;
    link?: {
      state: string;
      subscriptions: number;
      probeDelayMs: number | undefined;
      reconnects: number;
      deafRebuilds: number;
    };
  };
}

/** The states of a link, as values of the label `state`. */
const LINK_STATES = ['connecting', 'up', 'down', 'deaf'];

/** Declares the metrics of the bus in a registry. They are read from the bus when the registry is. */
export function declareBusMetrics(registry: Registry, read: () => BusSnapshot): void {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[], collect: (metric: Counter) => void) =>
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });
  const gauge = (name: string, help: string, labelNames: string[], collect: (metric: Gauge) => void) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect(this);
      },
    });

  counter(
    'flotilla_bus_messages_total',
    'Messages of the bus, by tier and direction.',
    ['tier', 'direction'],
    (metric) => {
      const { local, link } = read();
      for (const [tier, counts] of Object.entries({ local, link })) {
        metric.inc({ tier, direction: 'in' }, counts.messagesIn);
        metric.inc({ tier, direction: 'out' }, counts.messagesOut);
      }
    },
  );
  counter('flotilla_bus_bytes_total', 'Bytes of the bus, by tier and direction.', ['tier', 'direction'], (metric) => {
    const { local, link } = read();
    for (const [tier, counts] of Object.entries({ local, link })) {
      metric.inc({ tier, direction: 'in' }, counts.bytesIn);
      metric.inc({ tier, direction: 'out' }, counts.bytesOut);
    }
  });
  counter('flotilla_bus_dropped_total', 'Messages that the bus dropped, by reason.', ['reason'], (metric) => {
    for (const [reason, count] of read().droppedByReason) metric.inc({ reason }, count);
  });
  counter('flotilla_bus_duplicates_total', 'Second copies of messages that came on several channels.', [], (metric) =>
    metric.inc(read().link.duplicates),
  );
  counter('flotilla_bus_handler_failures_total', 'Messages whose handling raised an error.', [], (metric) =>
    metric.inc(read().handlerFailures),
  );
  counter(
    'flotilla_bus_deadline_misses_total',
    'Fleet-wide questions that somebody did not answer in time.',
    [],
    (metric) => metric.inc(read().deadlineMisses),
  );
  gauge('flotilla_hub_rooms', 'Rooms that the workers of this pod hold.', [], (metric) => {
    const { hub } = read();
    if (hub) metric.set(hub.rooms);
  });
  gauge('flotilla_fleet_pods', 'Pods of the fleet that this pod knows, itself included.', [], (metric) => {
    const { hub } = read();
    if (hub) metric.set(hub.pods);
  });
  gauge('flotilla_fleet_workers', 'Workers of all pods that this pod knows.', [], (metric) => {
    const { hub } = read();
    if (hub) metric.set(hub.workers);
  });
  gauge('flotilla_link_state', '1 for the state in which the link to the other pods is.', ['state'], (metric) => {
    const link = read().hub?.link;
    if (link) for (const state of LINK_STATES) metric.set({ state }, state === link.state ? 1 : 0);
  });
  gauge('flotilla_link_subscriptions', 'Channels that the link is subscribed to.', [], (metric) => {
    const link = read().hub?.link;
    if (link) metric.set(link.subscriptions);
  });
  gauge('flotilla_link_probe_delay_seconds', 'How long the last message of this pod to itself took.', [], (metric) => {
    const probeDelayMs = read().hub?.link?.probeDelayMs;
    if (probeDelayMs !== undefined) metric.set(probeDelayMs / 1_000);
  });
  counter('flotilla_link_reconnects_total', 'Outages of the link that are over.', [], (metric) =>
    metric.inc(read().hub?.link?.reconnects ?? 0),
  );
  counter('flotilla_link_deaf_total', 'Times that the link was deaf and was rebuilt.', [], (metric) =>
    metric.inc(read().hub?.link?.deafRebuilds ?? 0),
  );
}
