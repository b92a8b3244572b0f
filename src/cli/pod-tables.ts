import type { PodStatus, WorkerStatus } from '../launcher/ops/pod-status';
import { count, megabytes, span } from './format';
import { renderTable } from './table';

type Paint = (text: string, status: string) => string;

const WORDS = { ok: 'ready', degraded: 'ready, degraded', failed: 'not ready' };

/** The head line of a pod: its name, how it is, where. */
export function headLine({ at, pod, readiness }: PodStatus, paint: Paint): string {
  const state = pod.phase === 'up' ? WORDS[readiness.status] : `${WORDS[readiness.status]} (${pod.phase})`;
  const where = pod.url ?? 'does not listen yet';
  return `${pod.name}  ${paint(state, readiness.status)}  ${where}  up for ${span(at - pod.startedAt)}`;
}

export function checkLines({ readiness }: PodStatus, paint: Paint): string[] {
  return Object.entries(readiness.checks).map(
    ([name, { status, detail }]) => `  ${paint(status.padEnd(8), status)}  ${name.padEnd(9)}  ${detail}`,
  );
}

export function workerTable({ at, workers }: PodStatus): string[] {
  const columns = [
    { title: 'WORKER', right: true },
    { title: 'PID', right: true },
    { title: 'STATE' },
    { title: 'SOCKETS', right: true },
    { title: 'MSG/S', right: true },
    { title: 'REQ/S', right: true },
    { title: 'CPU', right: true },
    { title: 'LOOP', right: true },
    { title: 'HEAP', right: true },
    { title: 'UP FOR' },
  ];
  return renderTable(
    columns,
    workers.map((worker) => workerRow(worker, at)),
  );
}

function workerRow({ number, pid, state, pulse, startedAt, readyAt }: WorkerStatus, at: number): string[] {
  const measured = pulse
    ? [
        count(pulse.sockets),
        count(pulse.rates.messagesIn + pulse.rates.messagesOut),
        count(pulse.rates.requests),
        `${Math.round(pulse.rates.cpu * 100)} %`,
        `${Math.round(pulse.eventLoopP99Ms)} ms`,
        megabytes(pulse.heapBytes),
      ]
    : ['-', '-', '-', '-', '-', '-'];
  return [String(number), String(pid ?? '-'), state, ...measured, span(at - (readyAt ?? startedAt))];
}

export function podTable({ at, pod, fleet }: PodStatus): string[] {
  const columns = [
    { title: 'POD' },
    { title: 'STATE' },
    { title: 'WORKERS', right: true },
    { title: 'SOCKETS', right: true },
    { title: 'VERSION' },
    { title: 'HEARD' },
  ];
  const rows = fleet.map((row) => [
    row.tag === pod.tag ? `${row.name} (this one)` : row.name,
    row.state,
    String(row.workers.length),
    count(row.workers.reduce((sum, { sockets }) => sum + sockets, 0)),
    row.version,
    row.tag === pod.tag ? 'now' : `${span(at - row.lastSeen)} ago`,
  ]);
  return renderTable(columns, rows);
}
