import type { PodRow } from '../../bus/fleet';
import type { LinkStatus } from '../../bus/link/link';
import { PACKAGE_VERSION } from '../../bus/version';
import type { Checks, ProbeReport } from './checks';
import type { Journal, JournalEntry } from './journal';
import type { Places } from './places';
import { type HistoryPoint, PULSE_EVERY_MS, type Pulse, type PulseBoard } from './pulse-board';
import type { OpsSubject, PodPhase } from './subject';

/** A worker in {@link PodStatus}. */
export interface WorkerStatus {
  /** The label `worker` of its metrics. */
  place: number;
  number: number;
  tag: string;
  pid: number | null;
  state: string;
  startedAt: number;
  readyAt: number | null;
  connections: number;
  /** Its last sign of life; `null` before the first. */
  pulse: Pulse | null;
  silentForMs: number;
}

/** What `flotilla status` and the page show. */
export interface PodStatus {
  at: number;
  version: string;
  pod: {
    name: string;
    tag: string;
    pid: number;
    appPath: string;
    url: string | null;
    mode: string;
    phase: PodPhase;
    startedAt: number;
    wantedWorkers: number;
  };
  readiness: ProbeReport;
  workers: WorkerStatus[];
  /** Every pod of the fleet, this one first. */
  fleet: PodRow[];
  link: LinkStatus | null;
  sessions: { sessions: number; bytes: number; maxBytes: number };
  journal: JournalEntry[];
  history: { everyMs: number; points: readonly HistoryPoint[] };
}

/** What the status is made of. */
export interface StatusSources {
  subject: OpsSubject;
  places: Places;
  board: PulseBoard;
  checks: Checks;
  journal: Journal;
  startedAt: number;
}

export function readPodStatus({ subject, places, board, checks, journal, startedAt }: StatusSources): PodStatus {
  const { name, tag, appPath, mode, phase, wantedWorkers, hub, supervisor } = subject;
  const { sessions, bytes, maxBytes } = subject.sessions.stats();
  const workers = [...supervisor.workers].map((worker) => ({
    place: places.of(worker),
    number: worker.number,
    tag: worker.tag,
    pid: worker.pid ?? null,
    state: worker.state,
    startedAt: worker.startedAt,
    readyAt: worker.readyAt ?? null,
    connections: worker.load,
    pulse: board.of(worker) ?? null,
    silentForMs: board.silentForMs(worker),
  }));
  return {
    at: Date.now(),
    version: PACKAGE_VERSION,
    pod: {
      ...{ name, tag, appPath, mode, phase, wantedWorkers, startedAt },
      pid: process.pid,
      url: subject.address?.url ?? null,
    },
    readiness: checks.run('readyz'),
    workers: workers.sort((a, b) => a.place - b.place),
    fleet: hub.pods(),
    link: hub.linkStatus() ?? null,
    sessions: { sessions, bytes, maxBytes },
    journal: journal.entries,
    history: { everyMs: PULSE_EVERY_MS, points: board.history },
  };
}
