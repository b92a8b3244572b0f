import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** Where the kernel's files are; tests point these elsewhere. */
export interface CpuSources {
  /** CPUs that the process may be scheduled on. Default: `os.availableParallelism()`. */
  cpus?: number;
  /** Default: `/sys/fs/cgroup`. */
  cgroupRoot?: string;
  /** Default: `/proc/self/cgroup`. */
  ownCgroup?: string;
}

/**
 * How many CPUs this process can really use: what the scheduler offers, cut by the CPU quota of its control group (v2 or
 * v1) and rounded up, at least 1. Node's own `availableParallelism()` does not see quotas.
 */
export function availableCpus(sources: CpuSources = {}): number {
  const cpus = sources.cpus ?? availableParallelism();
  const root = sources.cgroupRoot ?? '/sys/fs/cgroup';
  const own = parseOwnCgroup(read(sources.ownCgroup ?? '/proc/self/cgroup') ?? '');
  const quotas = [...quotasOfV2(root, own.v2), ...quotasOfV1(root, own.v1)];
  return Math.max(1, Math.min(cpus, ...quotas.map((quota) => Math.ceil(quota))));
}

function parseOwnCgroup(text: string): { v2: string; v1: string } {
  let v2 = '/';
  let v1 = '/';
  for (const line of text.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (!match?.[3]) continue;
    if (match[2] === '') v2 = match[3];
    else if (match[2]?.split(',').includes('cpu')) v1 = match[3];
  }
  return { v2, v1 };
}

/** A quota of any ancestor binds too. */
function* ancestors(path: string): Generator<string> {
  for (let at = path; ; at = dirname(at)) {
    yield at;
    if (at === '/') return;
  }
}

function* quotasOfV2(root: string, path: string): Generator<number> {
  for (const at of ancestors(path)) {
    const [quota, period] = (read(join(root, at, 'cpu.max')) ?? '').trim().split(/\s+/).map(Number);
    if (quota && period) yield quota / period;
  }
}

function* quotasOfV1(root: string, path: string): Generator<number> {
  for (const controller of ['cpu', 'cpu,cpuacct']) {
    for (const at of ancestors(path)) {
      const quota = Number(read(join(root, controller, at, 'cpu.cfs_quota_us')));
      const period = Number(read(join(root, controller, at, 'cpu.cfs_period_us')));
      if (quota > 0 && period > 0) yield quota / period;
    }
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
