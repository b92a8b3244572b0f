import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessSeries } from '../report/run-report';

const EVERY_MS = 1000;
/** Of the kernel's clock, in which it counts CPU time; 100 on all but the oddest Linux. */
const TICKS_PER_SECOND = 100;

/** Watches CPU time and memory of a process and its children, once a second, where the system shows them (Linux). */
export class ProcessSampler {
  readonly #series = new Map<number, ProcessSeries & { lastTicks: number; lastAt: number }>();
  readonly #begun = Date.now();
  readonly #pageKiB = pageKiB();
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(private readonly rootPid: number) {
    if (process.platform === 'linux') this.#timer = setInterval(() => this.#sample(), EVERY_MS);
  }

  stop(): ProcessSeries[] {
    clearInterval(this.#timer);
    return [...this.#series.values()]
      .filter(({ seconds }) => seconds.length > 1)
      .map(({ label, seconds, cpuPercent, memoryMiB }) => ({ label, seconds, cpuPercent, memoryMiB }))
      .sort((a, b) => a.label.localeCompare(b.label));
  }

  #sample(): void {
    const now = Date.now();
    for (const pid of this.#family()) {
      try {
        const ticks = cpuTicks(pid);
        let series = this.#series.get(pid);
        if (!series) {
          series = { label: labelOf(pid), seconds: [], cpuPercent: [], memoryMiB: [], lastTicks: ticks, lastAt: now };
          this.#series.set(pid, series);
          continue;
        }
        const elapsed = (now - series.lastAt) / 1000;
        series.seconds.push(Math.round((now - this.#begun) / 1000));
        series.cpuPercent.push(Math.round((100 * (ticks - series.lastTicks)) / TICKS_PER_SECOND / elapsed));
        series.memoryMiB.push(Math.round((residentPages(pid) * this.#pageKiB) / 1024));
        series.lastTicks = ticks;
        series.lastAt = now;
      } catch {
        // It ended while it was looked at.
      }
    }
  }

  #family(): number[] {
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        parents.set(Number(name), Number(afterName(Number(name))[1]));
      } catch {
        // It ended meanwhile.
      }
    }
    const family = [this.rootPid];
    for (const pid of family) for (const [child, parent] of parents) if (parent === pid) family.push(child);
    return family;
  }
}

/** The fields of `/proc/PID/stat` after the name, which may hold anything: state, parent, … */
function afterName(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function cpuTicks(pid: number): number {
  const fields = afterName(pid);
  return Number(fields[11]) + Number(fields[12]);
}

function residentPages(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
}

function labelOf(pid: number): string {
  const worker = /(?:^|\0)FLOTILLA_WORKER=(\d+)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1];
  return worker ? `worker ${worker}` : 'primary';
}

function pageKiB(): number {
  if (process.platform !== 'linux') return 4;
  try {
    return Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })) / 1024;
  } catch {
    return 4;
  }
}
