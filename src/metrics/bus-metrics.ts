import type { Registry } from 'prom-client';
import { Declarations } from './declarations';

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
  link: TierCounts & { duplicates: number; gaps: number };
  droppedByReason: ReadonlyMap<string, number>;
  handlerFailures: number;
  deadlineMisses: number;
  /** What became of clients that came back and asked for their state. */
  recovery: { recovered: number; failedByReason: ReadonlyMap<string, number> };
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
    /** What is kept for clients that may come back; nothing where recovery is off. */
    recovery?:
      | {
          messages: number;
          bytes: number;
          sessions: number;
          gone: number;
          /** Sessions that came from other pods, by how their pod was; nothing where the link keeps no log. */
          arrived?: { alive: number; gone: number } | undefined;
        }
      | undefined;
  };
}

/** The states of a link, as values of the label `state`. */
const LINK_STATES = ['connecting', 'up', 'down', 'deaf'];

/** Declares the metrics of the bus in a registry. They are read from the bus when the registry is. */
export function declareBusMetrics(registry: Registry, read: () => BusSnapshot | undefined): void {
  const metrics = new Declarations(registry);
  metrics.counter(
    'flotilla_bus_messages_total',
    'Messages of the bus, by tier and direction.',
    ['tier', 'direction'],
    (report) => {
      for (const [tier, counts] of tiersOf(read())) {
        report(counts.messagesIn, { tier, direction: 'in' });
        report(counts.messagesOut, { tier, direction: 'out' });
      }
    },
  );
  metrics.counter(
    'flotilla_bus_bytes_total',
    'Bytes of the bus, by tier and direction.',
    ['tier', 'direction'],
    (report) => {
      for (const [tier, counts] of tiersOf(read())) {
        report(counts.bytesIn, { tier, direction: 'in' });
        report(counts.bytesOut, { tier, direction: 'out' });
      }
    },
  );
  metrics.counter('flotilla_bus_dropped_total', 'Messages that the bus dropped, by reason.', ['reason'], (report) => {
    for (const [reason, count] of read()?.droppedByReason ?? []) report(count, { reason });
  });
  metrics.counter(
    'flotilla_bus_handler_failures_total',
    'Messages of the bus whose handling raised an error.',
    [],
    (report) => {
      const bus = read();
      if (bus) report(bus.handlerFailures);
    },
  );
  metrics.counter(
    'flotilla_recoveries_total',
    'Clients that came back and asked for their state, by what became of it.',
    ['outcome'],
    (report) => {
      const recovery = read()?.recovery;
      if (!recovery) return;
      report(recovery.recovered, { outcome: 'recovered' });
      for (const [outcome, count] of recovery.failedByReason) report(count, { outcome });
    },
  );
}

/** Declares what only the process that holds the hub can tell: the fleet, and the link to the other pods. */
export function declareHubMetrics(registry: Registry, read: () => BusSnapshot): void {
  const metrics = new Declarations(registry);
  metrics.counter(
    'flotilla_bus_duplicates_total',
    'Second copies of messages that came on several channels.',
    [],
    (report) => report(read().link.duplicates),
  );
  metrics.counter(
    'flotilla_bus_gaps_total',
    "Holes in the link's log, behind which messages of other pods are missing.",
    [],
    (report) => report(read().link.gaps),
  );
  metrics.counter(
    'flotilla_bus_deadline_misses_total',
    'Fleet-wide questions that somebody did not answer in time.',
    [],
    (report) => report(read().deadlineMisses),
  );
  metrics.counter(
    'flotilla_recovery_arrivals_total',
    'Sessions that a pod has taken over from another one.',
    ['owner'],
    (report) => {
      const arrived = read().hub?.recovery?.arrived;
      if (!arrived) return;
      report(arrived.alive, { owner: 'alive' });
      report(arrived.gone, { owner: 'gone' });
    },
  );
  metrics.gauge('flotilla_recovery_messages', 'Messages kept for clients that may come back.', [], (report) => {
    const { hub } = read();
    if (hub?.recovery) report(hub.recovery.messages);
  });
  metrics.gauge(
    'flotilla_recovery_bytes',
    'Bytes of the messages kept for clients that may come back.',
    [],
    (report) => {
      const { hub } = read();
      if (hub?.recovery) report(hub.recovery.bytes);
    },
  );
  metrics.gauge(
    'flotilla_recovery_sessions',
    'Sockets whose state is kept, by whether their client is connected.',
    ['state'],
    (report) => {
      const { hub } = read();
      if (!hub?.recovery) return;
      report(hub.recovery.sessions - hub.recovery.gone, { state: 'connected' });
      report(hub.recovery.gone, { state: 'gone' });
    },
  );
  metrics.gauge('flotilla_hub_rooms', 'Rooms that the workers of this pod hold.', [], (report) => {
    const { hub } = read();
    if (hub) report(hub.rooms);
  });
  metrics.gauge('flotilla_fleet_pods', 'Pods of the fleet that this pod knows, itself included.', [], (report) => {
    const { hub } = read();
    if (hub) report(hub.pods);
  });
  metrics.gauge('flotilla_fleet_workers', 'Workers of all pods that this pod knows.', [], (report) => {
    const { hub } = read();
    if (hub) report(hub.workers);
  });
  metrics.gauge(
    'flotilla_link_state',
    '1 for the state in which the link to the other pods is, 0 for the others.',
    ['state'],
    (report) => {
      const link = read().hub?.link;
      if (link) for (const state of LINK_STATES) report(state === link.state ? 1 : 0, { state });
    },
  );
  metrics.gauge('flotilla_link_subscriptions', 'Channels that the link is subscribed to.', [], (report) => {
    const link = read().hub?.link;
    if (link) report(link.subscriptions);
  });
  metrics.gauge(
    'flotilla_link_probe_delay_seconds',
    'How long the last message of this pod to itself took.',
    [],
    (report) => {
      const probeDelayMs = read().hub?.link?.probeDelayMs;
      if (probeDelayMs !== undefined) report(probeDelayMs / 1_000);
    },
  );
  metrics.counter('flotilla_link_reconnects_total', 'Outages of the link that are over.', [], (report) => {
    const link = read().hub?.link;
    if (link) report(link.reconnects);
  });
  metrics.counter('flotilla_link_deaf_total', 'Times that the link was deaf and was rebuilt.', [], (report) => {
    const link = read().hub?.link;
    if (link) report(link.deafRebuilds);
  });
}

/** Tiers over which nothing went are left out: in a launcher's worker, the link is not its own. */
function tiersOf(bus: BusSnapshot | undefined): Array<[string, TierCounts]> {
  if (!bus) return [];
  const tiers: Array<[string, TierCounts]> = [['local', bus.local]];
  if (bus.hub?.link) tiers.push(['link', bus.link]);
  return tiers;
}
