import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CallSessionService, PeekedSession, PodSessionService } from '../../dist/session/pod-session-protocol';
import { createPodSessionService } from '../../dist/session/pod-session-service';
import type { PodSessionOptions } from '../../dist/session/pod-session-settings';

const WORKER = { number: 1, tag: 'AB', pid: 1, sockets: 0, startedAt: 0, version: '0' };

/** A pod's session service with a clock that the test moves, and the call by which a worker would reach it. */
export interface TestPod {
  service: PodSessionService;
  call: CallSessionService;
  warnings: string[];
  /** How long a session is still to live. */
  ttlMs(sid: string): Promise<number | undefined>;
  /** Moves the service's clock. */
  pass(ms: number): void;
}

export function startPod(options: PodSessionOptions = {}): TestPod {
  const warnings: string[] = [];
  let now = Date.now();
  const service = createPodSessionService({
    now: () => now,
    log: { warn: (message) => warnings.push(message) },
    ...options,
  });
  return {
    service,
    warnings,
    pass: (ms) => {
      now += ms;
    },
    ttlMs: async (sid) => {
      const [row] = (await service('peek', [[sid]], WORKER)) as PeekedSession[];
      return row && row.expiresAt - now;
    },
    // Values cross a process boundary as data and take a turn of the event loop, as over the hub.
    call: async (method, args) => {
      const received = copy(args);
      await nextTurn();
      return copy(await service(method, received as unknown[], WORKER));
    },
  };
}

function copy(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}
