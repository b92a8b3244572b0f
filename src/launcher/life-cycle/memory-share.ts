import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where the kernel's files are; tests point these elsewhere. */
export interface MemorySources {
  /** Default: `/sys/fs/cgroup`. */
  cgroupRoot?: string;
  /** Default: `/proc/self/cgroup`. */
  ownCgroup?: string;
}

/** Which part of a control group's memory the heaps get together; the rest is for buffers, code and the kernel's sockets. */
const HEAP_PART = 0.75;
const MIB = 1024 * 1024;
/** Version 1 writes "no limit" as the largest number of pages. */
const NO_LIMIT_FROM = 2 ** 60;

/** The memory limit of this process' control group (v2 or v1) in bytes, the tightest of its ancestors' included. */
export function memoryLimit(sources: MemorySources = {}): number | undefined {
  const root = sources.cgroupRoot ?? '/sys/fs/cgroup';
  const limits: number[] = [];
  for (const line of (read(sources.ownCgroup ?? '/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === '') limits.push(...limitsAlong(root, path, 'memory.max'));
    if (controllers?.split(',').includes('memory')) {
      limits.push(...limitsAlong(join(root, 'memory'), path, 'memory.limit_in_bytes'));
    }
  }
  return limits.length > 0 ? Math.min(...limits) : undefined;
}

/**
 * How much heap each process may have, in MiB: 75 % of the limit through the number of processes.
 * @param processes the primary included
 */
export function heapShare(limitBytes: number, processes: number): number {
  return Math.max(1, Math.floor((limitBytes * HEAP_PART) / processes / MIB));
}

/** A limit of any ancestor binds too. Inside a container the path may not exist: the root is the container's own group. */
function limitsAlong(root: string, path: string, file: string): number[] {
  const limits: number[] = [];
  for (let at = path; ; at = dirname(at)) {
    const limit = Number(read(join(root, at, file)) ?? Number.NaN);
    if (limit > 0 && limit < NO_LIMIT_FROM) limits.push(limit);
    if (at === '/') return limits;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
