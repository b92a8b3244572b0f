import { Registry } from 'prom-client';
import { type BusSnapshot, declareBusMetrics, declareHubMetrics } from './bus-metrics';
import { Declarations } from './declarations';
import type { EventLoopWatch } from './event-loop';
import { declareProcessMetrics } from './process-metrics';

/** The label `worker` of what the primary tells of itself. */
export const PRIMARY = 'primary';

/** The numbers that a primary has at the moment of reading. */
export interface PodReading {
  pod: { name: string; version: string };
  /** The live workers. `place`: from 1 to the number of workers, given to another when a worker ends. */
  workers: Array<{ place: number; number: number; pid: number | undefined; state: string; answers: boolean }>;
  wantedWorkers: number;
  /** Workers that ended without having been asked to, by cause. */
  workerEnds: ReadonlyMap<string, number>;
  draining: boolean;
  ready: boolean;
  /** Connections that the front door refused, by reason. */
  refusedConnections: ReadonlyMap<string, number>;
  /** Connections of other pods, by outcome; `undefined` where none are listened for. */
  peerConnections: { accepted: number; gone: number; refused: number } | undefined;
  bus: BusSnapshot;
  podSessions: { sessions: number; bytes: number; maxBytes: number; evicted: number; expired: number };
}

/** Makes the registry of a primary. Every series has the label `worker`, as those of the workers do. */
export function createPodRegistry(read: () => PodReading, eventLoop: EventLoopWatch): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ worker: PRIMARY });
  declareWorkers(registry, read);
  declareState(registry, read);
  declareDoors(registry, read);
  declarePodSessions(registry, read);
  declareBusMetrics(registry, () => read().bus);
  declareHubMetrics(registry, () => read().bus);
  declareProcessMetrics(registry, eventLoop);
  return registry;
}

function declareWorkers(registry: Registry, read: () => PodReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge(
    'flotilla_worker_info',
    '1 for each live worker: its place, its number in the logs and its process.',
    ['worker', 'number', 'pid', 'state'],
    (report) => {
      for (const { place, number, pid, state } of read().workers) {
        report(1, { worker: place, number, pid: pid ?? '', state });
      }
    },
  );
  metrics.gauge(
    'flotilla_worker_answers',
    '1 for a worker whose numbers are in this answer, 0 for one that did not answer in time.',
    ['worker'],
    (report) => {
      for (const { place, answers } of read().workers) report(answers ? 1 : 0, { worker: place });
    },
  );
  metrics.gauge('flotilla_workers_wanted', 'How many workers the pod keeps.', [], (report) =>
    report(read().wantedWorkers),
  );
  metrics.counter(
    'flotilla_worker_ends_total',
    'Workers that ended without having been asked to, by cause; each is replaced.',
    ['cause'],
    (report) => {
      for (const [cause, count] of read().workerEnds) report(count, { cause });
    },
  );
}

function declareState(registry: Registry, read: () => PodReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge('flotilla_pod_info', '1, with the pod’s name and the version.', ['pod', 'version'], (report) => {
    const { name: pod, version } = read().pod;
    report(1, { pod, version });
  });
  metrics.gauge('flotilla_pod_ready', '1 while /readyz answers 200.', [], (report) => report(read().ready ? 1 : 0));
  metrics.gauge('flotilla_pod_draining', '1 while the pod takes no new sockets, before it ends.', [], (report) =>
    report(read().draining ? 1 : 0),
  );
}

function declareDoors(registry: Registry, read: () => PodReading): void {
  const metrics = new Declarations(registry);
  metrics.counter(
    'flotilla_connections_refused_total',
    'Connections that the front door refused, by reason.',
    ['reason'],
    (report) => {
      for (const [reason, count] of read().refusedConnections) report(count, { reason });
    },
  );
  metrics.counter(
    'flotilla_peer_connections_total',
    'Connections of other pods for requests that they pass on, by outcome.',
    ['outcome'],
    (report) => {
      for (const [outcome, count] of Object.entries(read().peerConnections ?? {})) report(count, { outcome });
    },
  );
}

function declarePodSessions(registry: Registry, read: () => PodReading): void {
  const metrics = new Declarations(registry);
  metrics.gauge('flotilla_pod_sessions', 'Sessions in the pod’s own store.', [], (report) =>
    report(read().podSessions.sessions),
  );
  metrics.gauge('flotilla_pod_session_bytes', 'Memory that they take, about.', [], (report) =>
    report(read().podSessions.bytes),
  );
  metrics.gauge('flotilla_pod_session_limit_bytes', 'The bound on it.', [], (report) =>
    report(read().podSessions.maxBytes),
  );
  metrics.counter(
    'flotilla_pod_sessions_dropped_total',
    'Sessions that the pod’s own store dropped: for want of room, or at the end of their time.',
    ['reason'],
    (report) => {
      const { evicted, expired } = read().podSessions;
      report(evicted, { reason: 'no-room' });
      report(expired, { reason: 'expired' });
    },
  );
}
