import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { type Owner, randomPodTag, WORKER_TAGS, workerTag } from './ids';

/**
 * Who this process is in its fleet. Under a primary of ours the primary says so in the environment of each worker.
 */
export interface Identity extends Owner {
  /** A readable name of the pod: `FLOTILLA_POD_NAME`, else the host's name. */
  podName: string;
  /** The worker's number, from 1, for people. */
  workerNumber: number;
  /** Path of the local socket on which the hub listens, where a primary runs one. */
  hubPath: string | undefined;
}

/** What a primary sets in the environment of its workers. */
export interface WorkerEnvironment {
  FLOTILLA_HUB: string;
  FLOTILLA_POD: string;
  FLOTILLA_POD_NAME: string;
  /** Worker number; where it is missing (somebody else's primary), the process id stands for it. */
  FLOTILLA_WORKER?: string;
}

/** Reads the identity of this process from its environment, or draws one for a process that stands alone. */
export function readIdentity(env: NodeJS.ProcessEnv = process.env): Identity {
  const workerNumber = positiveInteger(env.FLOTILLA_WORKER) ?? process.pid;
  const hubPath = env.FLOTILLA_HUB || undefined;
  return {
    pod: env.FLOTILLA_POD || (hubPath ? podTagOf(hubPath) : randomPodTag()),
    worker: workerTag(workerNumber % WORKER_TAGS),
    podName: env.FLOTILLA_POD_NAME || hostname(),
    workerNumber,
    hubPath,
  };
}

/**
 * The pod tag that all processes around one hub derive from its path and the machine's name: replicas of one container
 * have the same paths, and two pods with one tag would take each other's sockets for their own.
 */
export function podTagOf(hubPath: string, host = hostname()): string {
  return createHash('sha256').update(`${host}\n${hubPath}`).digest('base64url').slice(0, 4);
}

function positiveInteger(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9][0-9]*$/.test(text)) return undefined;
  return Number(text);
}
