import { EventEmitter } from 'node:events';
import { workerTag } from '../bus/ids';
import { isPermanent, LauncherError } from './errors';
import type { Logger } from './logger';
import { RestartPolicy, STEADY_AFTER_MS } from './restart-policy';
import { type WorkerExit, WorkerProcess } from './worker-process';

/** What a {@link Supervisor} needs. */
export interface SupervisorOptions {
  /** How many workers to keep. */
  workers: number;
  log: Logger;
  /** The environment of a new worker. `first`: no worker has been ready yet. */
  environment(number: number, tag: string, first: boolean): NodeJS.ProcessEnv;
}

interface SupervisorEvents {
  /** A process was forked. */
  forked: [worker: WorkerProcess];
  ready: [worker: WorkerProcess];
  gone: [worker: WorkerProcess];
  /** A crash loop, or trouble that another attempt cannot change. */
  'gave-up': [reason: LauncherError];
}

/**
 * Keeps the workers alive. The first one lifts alone; when it is ready the others follow. Bootstraps run one at a time.
 * Worker numbers only grow, so that the ids of a dead worker's sessions never point to its successor.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #workers = new Set<WorkerProcess>();
  readonly #policy = new RestartPolicy();
  readonly #timers = new Set<NodeJS.Timeout>();
  #bootstrapping: WorkerProcess | undefined;
  readonly #waitingForBootstrap: WorkerProcess[] = [];
  #lastNumber = 0;
  #everReady = false;
  #stopping = false;

  constructor(private readonly options: SupervisorOptions) {
    super();
  }

  /** The live workers. */
  get workers(): ReadonlySet<WorkerProcess> {
    return this.#workers;
  }

  get readyWorkers(): WorkerProcess[] {
    return [...this.#workers].filter((worker) => worker.state === 'ready');
  }

  /** The live worker with this tag. */
  byTag(tag: string): WorkerProcess | undefined {
    for (const worker of this.#workers) if (worker.tag === tag) return worker;
    return undefined;
  }

  start(): void {
    this.#fork();
  }

  /**
   * Stops every worker and waits for their ends.
   * @param graceMs how long they may take before they are killed
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const ends = [...this.#workers].map((worker) => {
      worker.state = worker.state === 'gone' ? 'gone' : 'stopping';
      worker.send({ flotilla: 'stop' });
      return new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    });
    const killer = setTimeout(() => {
      this.options.log.warn(`${this.#workers.size} workers did not stop within ${graceMs} ms and are killed`);
      this.kill();
    }, graceMs);
    await Promise.all(ends);
    clearTimeout(killer);
  }

  /** Ends every worker at once. */
  kill(): void {
    for (const worker of this.#workers) worker.kill('SIGKILL');
  }

  #fork(): void {
    const number = ++this.#lastNumber;
    const tag = workerTag(number);
    const worker = new WorkerProcess(number, tag, this.options.environment(number, tag, !this.#everReady));
    this.#workers.add(worker);
    this.options.log.debug({ worker: number, pid: worker.pid }, 'worker started');
    worker.on('message', (message) => {
      if (message.flotilla === 'ready') this.#ready(worker);
      if (message.flotilla === 'loaded') this.#queueBootstrap(worker);
    });
    worker.once('exit', (exit) => this.#ended(worker, exit));
    this.emit('forked', worker);
  }

  #ready(worker: WorkerProcess): void {
    this.#leaveBootstrap(worker);
    if (worker.state !== 'starting') return;
    worker.state = 'ready';
    worker.readyAt = Date.now();
    this.#policy.ready();
    this.#after(STEADY_AFTER_MS, () => {
      if (worker.state === 'ready') this.#policy.steady();
    });
    const seconds = ((worker.readyAt - worker.startedAt) / 1000).toFixed(1);
    this.options.log.info({ worker: worker.number, pid: worker.pid }, `worker ready after ${seconds} s`);
    this.emit('ready', worker);
    if (this.#everReady) return;
    this.#everReady = true;
    while (this.#workers.size < this.options.workers) this.#fork();
  }

  #queueBootstrap(worker: WorkerProcess): void {
    this.#waitingForBootstrap.push(worker);
    this.#nextBootstrap();
  }

  #leaveBootstrap(worker: WorkerProcess): void {
    if (this.#bootstrapping === worker) this.#bootstrapping = undefined;
    const index = this.#waitingForBootstrap.indexOf(worker);
    if (index !== -1) this.#waitingForBootstrap.splice(index, 1);
    this.#nextBootstrap();
  }

  #nextBootstrap(): void {
    if (this.#bootstrapping) return;
    this.#bootstrapping = this.#waitingForBootstrap.shift();
    this.#bootstrapping?.send({ flotilla: 'bootstrap' });
  }

  #ended(worker: WorkerProcess, exit: WorkerExit): void {
    this.#workers.delete(worker);
    this.#leaveBootstrap(worker);
    this.emit('gone', worker);
    const fields = { worker: worker.number, pid: worker.pid };
    if (this.#stopping) {
      this.options.log.debug(fields, 'worker stopped');
      return;
    }
    const reason = describeEnd(worker, exit);
    const verdict = this.#policy.judge({
      exit,
      readyForMs: worker.readyAt === undefined ? undefined : Date.now() - worker.readyAt,
      permanent: isPermanent(exit.failure?.code),
      readyWorkers: this.readyWorkers.length,
    });
    if ('giveUp' in verdict) {
      this.#stopping = true;
      this.emit('gave-up', giveUpError(exit, reason));
      return;
    }
    this.options.log.error(fields, `${reason}; starting another in ${verdict.restartAfterMs} ms`);
    this.#after(verdict.restartAfterMs, () => {
      const wanted = this.#everReady ? this.options.workers : 1;
      if (this.#workers.size < wanted) this.#fork();
    });
  }

  #after(delayMs: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, delayMs);
    this.#timers.add(timer);
  }
}

function describeEnd(worker: WorkerProcess, exit: WorkerExit): string {
  const when = worker.readyAt === undefined ? 'did not lift' : 'ended';
  if (exit.failure) return `worker ${worker.number} ${when}: ${gist(exit.failure.message)}`;
  if (exit.signal) return `worker ${worker.number} ${when}: it was killed by ${exit.signal}`;
  return `worker ${worker.number} ${when}: it exited with code ${exit.code} (its own output says more)`;
}

/** The first line that says something: the worker's own output has it all, and Sails frames some messages. */
function gist(message: string): string {
  return message.split('\n').find((line) => /[a-z]{3}/i.test(line)) ?? message;
}

function giveUpError(exit: WorkerExit, reason: string): LauncherError {
  const { code } = exit.failure ?? {};
  if (isPermanent(code)) return new LauncherError(code as LauncherError['code'], exit.failure?.message ?? reason);
  return new LauncherError('E_CRASH_LOOP', `${reason}. Giving up: it failed again and again, and no worker is left.`);
}
