import type { EventLoopWatch } from '../../metrics/event-loop';
import type { PulseBoard } from './pulse-board';
import type { OpsSettings } from './settings';
import type { OpsSubject } from './subject';

/** `degraded`: somebody should look, and the probe still succeeds. */
export type CheckStatus = 'ok' | 'degraded' | 'failed';

/** One check of a probe. */
export interface Check {
  status: CheckStatus;
  /** What it found, for people. */
  detail: string;
}

/** The answer to a probe: as bad as its worst check. */
export interface ProbeReport {
  status: CheckStatus;
  checks: Record<string, Check>;
}

export type ProbeName = 'livez' | 'readyz' | 'startupz';

/** A worker that has given no sign of life for this long is stuck. */
const STUCK_AFTER_MS = 10_000;
/** Timers this late are felt by clients. */
const LATE_MS = 500;
/** A heap this full is near its end. */
const FULL = 0.9;

/**
 * The three probes. They mean different things: `livez`, that restarting this pod would help nobody; `startupz`, that it has
 * come up (waiting for Redis included, which a restart would not bring); `readyz`, that clients should be sent here.
 */
export class Checks {
  #started = false;

  constructor(
    private readonly subject: OpsSubject,
    private readonly board: PulseBoard,
    private readonly settings: OpsSettings,
    private readonly eventLoop: EventLoopWatch,
  ) {}

  run(probe: ProbeName): ProbeReport {
    if (probe === 'livez') return report({ primary: this.#primary() });
    if (probe === 'startupz') return report({ started: this.#startedUp() });
    return report({
      draining: this.#draining(),
      workers: this.#workers(),
      link: this.#link(),
      sessions: this.#sessions(),
      eventLoop: this.#eventLoops(),
      memory: this.#memory(),
    });
  }

  /** That this answers at all is most of it: a primary that hangs does not. */
  #primary(): Check {
    const { p99Ms } = this.eventLoop.delay;
    if (p99Ms > LATE_MS) return degraded(`the primary’s event loop is ${Math.round(p99Ms)} ms late`);
    return ok('the primary answers');
  }

  /** Once started, always started. */
  #startedUp(): Check {
    const { phase, supervisor } = this.subject;
    if (phase === 'waiting-for-redis') {
      this.#started = true;
      return ok('started, and waits for Redis');
    }
    this.#started ||= phase !== 'starting' || supervisor.readyWorkers.length > 0;
    return this.#started ? ok('started') : failed('no worker has lifted the app yet');
  }

  #draining(): Check {
    if (this.subject.isClosingPolls) return degraded('the pod is draining, and closes its polling sessions first');
    if (this.subject.phase === 'draining') return failed('the pod is draining: it was told to stop');
    return ok('the pod takes new clients');
  }

  #workers(): Check {
    const { supervisor, wantedWorkers } = this.subject;
    const ready = supervisor.readyWorkers.length;
    const counted = `${ready} of ${wantedWorkers} workers are ready`;
    if (ready === 0) return failed(counted);
    return ready < wantedWorkers ? degraded(counted) : ok(counted);
  }

  #link(): Check {
    const link = this.subject.hub.linkStatus();
    if (!link) return ok('no Redis is configured: this pod stands alone');
    if (link.state === 'up') return ok('connected to the other pods through Redis');
    if (link.state === 'deaf') {
      return failed(
        'the link looks alive, but the pod’s own messages do not come back through Redis: it is being rebuilt',
      );
    }
    const detail = `Redis is out of reach (the link is ${link.state}): clients of other pods are not reached`;
    return this.settings.readinessRedis === 'strict' ? failed(detail) : degraded(detail);
  }

  #sessions(): Check {
    const failing = this.#readyWorkers().filter(({ pulse }) => (pulse?.rates.sessionErrors ?? 0) > 0);
    if (failing.length === 0) return ok('no worker reports trouble with the session store');
    const allFail = failing.every(({ pulse }) => pulse && pulse.rates.sessionErrors >= pulse.rates.sessionCalls);
    const detail = `the session store fails in ${listed(failing.map(({ worker }) => worker.number))}`;
    return allFail && this.settings.readinessRedis === 'strict' ? failed(detail) : degraded(detail);
  }

  #eventLoops(): Check {
    const workers = this.#readyWorkers();
    const stuck = workers.filter(({ worker }) => this.board.silentForMs(worker) > STUCK_AFTER_MS);
    if (stuck.length > 0) {
      const detail = `${listed(stuck.map(({ worker }) => worker.number))} gave no sign of life for ${STUCK_AFTER_MS / 1_000} s: something blocks the event loop`;
      return stuck.length === workers.length ? failed(detail) : degraded(detail);
    }
    const late = workers.filter(({ pulse }) => (pulse?.eventLoopP99Ms ?? 0) > LATE_MS);
    if (late.length === 0) return ok('every worker’s event loop is in time');
    const worst = Math.max(...late.map(({ pulse }) => pulse?.eventLoopP99Ms ?? 0));
    return degraded(
      `${listed(late.map(({ worker }) => worker.number))}: the event loop is up to ${Math.round(worst)} ms late`,
    );
  }

  #memory(): Check {
    const full = this.#readyWorkers().filter(({ pulse }) => pulse && pulse.heapBytes > FULL * pulse.heapLimitBytes);
    if (full.length === 0) return ok('every worker’s heap has room');
    return degraded(`${listed(full.map(({ worker }) => worker.number))}: the heap is more than ${FULL * 100} % full`);
  }

  #readyWorkers() {
    return this.subject.supervisor.readyWorkers.map((worker) => ({ worker, pulse: this.board.of(worker) }));
  }
}

function report(checks: Record<string, Check>): ProbeReport {
  const found = Object.values(checks).map(({ status }) => status);
  const status = found.includes('failed') ? 'failed' : found.includes('degraded') ? 'degraded' : 'ok';
  return { status, checks };
}

function listed(numbers: number[]): string {
  return `${numbers.length === 1 ? 'worker' : 'workers'} ${numbers.join(', ')}`;
}

const ok = (detail: string): Check => ({ status: 'ok', detail });
const degraded = (detail: string): Check => ({ status: 'degraded', detail });
const failed = (detail: string): Check => ({ status: 'failed', detail });
