import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionFailed, failure, ProbeSocket, type ProbeTarget } from './probe-socket';

/** What to try. */
export interface ProbeOptions extends ProbeTarget {
  /** On how many pods the two sockets must be: 1 or 2. */
  pods: number;
  timeoutMs: number;
}

/** What two sockets have in common. */
export type Apart = 'pods' | 'workers' | 'none';

/** What was found. */
export interface ProbeResult {
  sockets: Array<{ podName: string; pod: string; worker: number; roundTripMs: number }>;
  /** Whether the sockets were on different pods, on different workers of one, or on one worker. */
  apart: Apart;
  /** From the broadcast of the first socket until the second had it. */
  broadcastMs: number;
  /** How many times the second socket was connected. */
  tries: number;
}

/** So often the second socket looks for another pod where that is not required. */
const TRIES = 20;
const BETWEEN_FAILED_MS = 500;
/** Where it is required, tries after the first few are paced. */
const BETWEEN_TRIES_MS = 100;

/**
 * Opens two sockets, on two pods where it can, makes an acknowledged round trip on each, and sends a broadcast from one
 * to the other.
 * @throws CommandError with what does not work
 */
export async function probeFleet(options: ProbeOptions): Promise<ProbeResult> {
  const deadline = performance.now() + options.timeoutMs;
  const leftMs = () => Math.max(1, deadline - performance.now());
  const first = await connect(options, leftMs);
  try {
    const { second, tries } = await connectElsewhere(options, first, leftMs);
    try {
      const broadcastMs = await broadcast(first, second, leftMs);
      const sockets = [first, second].map(({ identity, roundTripMs }) => ({ ...identity, roundTripMs }));
      return { sockets, apart: apart(first, second), broadcastMs, tries };
    } finally {
      second.close();
    }
  } finally {
    first.close();
  }
}

/** Tries again while the app can't be reached. */
async function connect(options: ProbeOptions, leftMs: () => number): Promise<ProbeSocket> {
  for (;;) {
    try {
      return await ProbeSocket.connect(options, leftMs());
    } catch (error) {
      if (!(error instanceof ConnectionFailed)) throw error;
      if (leftMs() <= BETWEEN_FAILED_MS) {
        throw failure(
          `No socket could be connected to ${options.url} within ${options.timeoutMs} ms: ${error.message}.`,
        );
      }
      await delay(BETWEEN_FAILED_MS);
    }
  }
}

/** Connects until the socket is on another pod; else it takes another worker, else whatever it got. */
async function connectElsewhere(
  options: ProbeOptions,
  first: ProbeSocket,
  leftMs: () => number,
): Promise<{ second: ProbeSocket; tries: number }> {
  const mustBeElsewhere = options.pods > 1;
  let best = await connect(options, leftMs);
  let tries = 1;
  for (; apart(first, best) !== 'pods'; tries += 1) {
    if (tries >= TRIES) {
      if (!mustBeElsewhere) break;
      if (leftMs() <= BETWEEN_TRIES_MS) {
        best.close();
        throw failure(
          `All ${tries + 1} sockets were connected to one pod (${first.identity.podName}), and two are required: is only one pod ready, or does ` +
            'something in front of them keep clients of one address together (session affinity)? With --pods 1 one pod is enough.',
        );
      }
      await delay(BETWEEN_TRIES_MS);
    }
    const next = await connect(options, leftMs);
    const isBetter = apart(first, next) === 'pods' || apart(first, best) === 'none';
    (isBetter ? best : next).close();
    if (isBetter) best = next;
  }
  return { second: best, tries };
}

function apart({ identity: one }: ProbeSocket, { identity: other }: ProbeSocket): Apart {
  if (one.pod !== other.pod || one.podName !== other.podName) return 'pods';
  return one.worker === other.worker ? 'none' : 'workers';
}

async function broadcast(from: ProbeSocket, to: ProbeSocket, leftMs: () => number): Promise<number> {
  const room = `probe-${randomBytes(8).toString('hex')}`;
  try {
    await to.join(room, leftMs());
    const begun = performance.now();
    const heard = to.hears(room, leftMs());
    await Promise.all([heard, from.broadcast(room, room, leftMs())]);
    return performance.now() - begun;
  } catch (error) {
    const [here, there] = [from, to].map(({ identity }) => `pod ${identity.podName}, worker ${identity.worker}`);
    throw failure(
      `A broadcast from ${here} did not reach ${there} (${(error as Error).message}): look at the link between pods, "flotilla doctor" and /readyz.`,
    );
  }
}
