import type { Logger } from '../logger';
import type { Supervisor } from '../supervisor';
import type { WorkerProcess } from '../worker-process';

/** What a {@link Rebalance} needs. */
export interface RebalanceOptions {
  supervisor: Supervisor;
  /** How much of its sockets a worker gives up per second, in percent; 0: nothing is ever moved. */
  percentPerSecond: number;
  log: Logger;
}

const LOOK_EVERY_MS = 1_000;
/** Over how long a worker spreads what it is told to give up: it is through when it is told again. */
const SHED_WINDOW_MS = 800;
/** With fewer sockets per worker than this it does not matter where they are. */
const LEAST_AVERAGE = 20;
/** It begins where a worker has less than this share of the average, and ends where all have that one. */
const BEGIN_BELOW = 0.75;
const EVEN_FROM = 0.95;
/** Looks in a row that find it uneven: what comes and goes in seconds is no reason. */
const UNEVEN_LOOKS = 5;
/** Sockets that are on their way back are nowhere; the most of so many looks is what there are. */
const REMEMBERED_TOTALS = 6;
/** Ends per second of the whole pod: far below the handshakes that a worker takes without making anybody wait. */
const MOST_PER_SECOND = 100;
/** What may be moved in all, as a share of what is in the wrong place at the beginning. */
const BUDGET = 1.5;
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;

/** Looks in a row in which nothing was moved, before it gives up: all that could be moved may be busy for a moment. */
const IDLE_LOOKS = 10;

interface Run {
  begunAt: number;
  moved: number;
  budget: number;
  idleLooks: number;
}

/**
 * New connections go to the worker with the fewest, which evens a pod out as clients come and go; websockets stay where they
 * are. So when a worker has had far fewer than the average for some seconds, as after a kill, those above the average are
 * told to give up a few per second until it is even. A run has a budget, and one that does not get there is followed by a
 * pause that doubles: clients that come back to where they were are not sent round for ever.
 */
export class Rebalance {
  readonly #timer: NodeJS.Timeout | undefined;
  /** Workers that are giving up sockets now. */
  readonly #shedding = new Set<WorkerProcess>();
  #totals: number[] = [];
  #unevenLooks = 0;
  #run: Run | undefined;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntil = 0;

  constructor(private readonly options: RebalanceOptions) {
    if (options.percentPerSecond === 0) return;
    options.supervisor.on('forked', (worker) => {
      worker.on('message', (message) => {
        if (message.flotilla === 'sockets-shed') this.#shed(worker, message.count);
      });
    });
    options.supervisor.on('gone', (worker) => this.#shedding.delete(worker));
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const workers = [...this.options.supervisor.workers];
    // a reload, a start or an end of a worker moves sockets by itself
    if (workers.length < 2 || !workers.every(({ state, isStuck }) => state === 'ready' && !isStuck)) {
      this.#totals = [];
      this.#unevenLooks = 0;
      if (this.#run) this.#end('stopped, since a worker came, went or is stuck', FIRST_PAUSE_MS);
      return;
    }
    const total = sum(workers.map(({ sockets }) => sockets));
    this.#totals = [...this.#totals, total].slice(-REMEMBERED_TOTALS);
    const average = Math.max(...this.#totals) / workers.length;
    const fewest = Math.min(...workers.map(({ sockets }) => sockets));
    if (this.#run) this.#goOn(this.#run, workers, average, fewest);
    else this.#consider(workers, average, fewest);
  }

  #consider(workers: WorkerProcess[], average: number, fewest: number): void {
    const isUneven =
      average >= LEAST_AVERAGE &&
      fewest < average * BEGIN_BELOW &&
      comesBelow(workers, average) &&
      performance.now() >= this.#pausedUntil;
    this.#unevenLooks = isUneven ? this.#unevenLooks + 1 : 0;
    if (this.#unevenLooks < UNEVEN_LOOKS) return;
    this.#unevenLooks = 0;
    const excess = sum(workers.map((worker) => excessOf(worker, average)));
    this.#run = { begunAt: performance.now(), moved: 0, budget: Math.ceil(excess * BUDGET), idleLooks: 0 };
    this.options.log.info(
      { average: Math.round(average), fewest },
      `rebalance: a worker has ${fewest} sockets, the average is ${Math.round(average)}; about ${excess} are moved`,
    );
    this.#goOn(this.#run, workers, average, fewest);
  }

  #goOn(run: Run, workers: WorkerProcess[], average: number, fewest: number): void {
    const givers = workers.filter((worker) => excessOf(worker, average) > 0);
    if (fewest >= average * EVEN_FROM || givers.length === 0) {
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#end('done', 0);
      return;
    }
    run.idleLooks++;
    if (run.moved >= run.budget || run.idleLooks > IDLE_LOOKS) {
      this.#end('stopped, since it does not become more even', this.#pauseMs);
      if (fewest < average * BEGIN_BELOW) this.#pauseMs = Math.min(LONGEST_PAUSE_MS, this.#pauseMs * 2);
      return;
    }
    // true for a moment only, or it gives up: connections that go and come are not counted at the same time
    if (!comesBelow(workers, average)) return;
    const most = Math.max(1, Math.floor(MOST_PER_SECOND / givers.length));
    for (const worker of givers) {
      if (this.#shedding.has(worker)) continue;
      const pace = Math.ceil((worker.sockets * this.options.percentPerSecond) / 100);
      this.#shedding.add(worker);
      worker.send({
        flotilla: 'shed',
        count: Math.min(pace, most, excessOf(worker, average)),
        keep: Math.ceil(average),
        windowMs: SHED_WINDOW_MS,
      });
    }
  }

  #shed(worker: WorkerProcess, count: number): void {
    this.#shedding.delete(worker);
    if (!this.#run || count === 0) return;
    this.#run.moved += count;
    this.#run.idleLooks = 0;
  }

  #end(how: string, pauseMs: number): void {
    const { moved, begunAt } = this.#run as Run;
    this.#run = undefined;
    this.#pausedUntil = performance.now() + pauseMs;
    const seconds = Math.round((performance.now() - begunAt) / 1_000);
    this.options.log.info({ moved }, `rebalance: ${how}; ${moved} sockets moved in ${seconds} s`);
  }
}

/** Whether the worker that gets the next connection has fewer sockets than the average: else moving would not help. */
function comesBelow(workers: WorkerProcess[], average: number): boolean {
  const next = workers.reduce((best, worker) => (worker.load < best.load ? worker : best));
  return next.sockets < average;
}

function excessOf(worker: WorkerProcess, average: number): number {
  return Math.max(0, worker.sockets - Math.ceil(average));
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
