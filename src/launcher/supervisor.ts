import { EventEmitter } from 'node:events';
import { workerTag } from '../bus/ids';
import { isPermanent, LauncherError } from './errors';
import type { Logger } from './logger';
import { RestartPolicy, STEADY_AFTER_MS } from './restart-policy';
import { type WorkerExit, WorkerProcess } from './worker-process';

/** How a worker is told to end. */
export interface Retirement {
  /** Over how long the ends of its sockets are spread. */
  windowMs: number;
  /** How long it may take in all before it is killed. */
  graceMs: number;
}

/** What of the grace a worker leaves for lowering its app. */
const LOWERING_MS = 1_000;

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
  /** It drains: so many of its connected clients are left. */
  draining: [worker: WorkerProcess, left: number, of: number];
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

  /** Stops every worker and waits for their ends. */
  async stop(retirement: Retirement): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await Promise.all([...this.#workers].map((worker) => this.#retire(worker, retirement)));
  }

  /**
   * Forks another worker and, when it is ready, lets the old one drain and end.
   * @returns settles when the old one has ended
   * @throws LauncherError `E_REPLACEMENT` where the new one does not lift; the old one stays then
   */
  async replace(old: WorkerProcess, retirement: () => Retirement): Promise<void> {
    const worker = this.#fork(old);
    await new Promise<void>((resolve, reject) => {
      const settle = (action: () => void) => {
        worker.removeListener('exit', onExit);
        worker.removeListener('message', onMessage);
        action();
      };
      const onExit = (exit: WorkerExit) => settle(() => reject(replacementError(describeEnd(worker, exit))));
      const onMessage = ({ flotilla }: { flotilla: string }) => {
        if (flotilla === 'ready') settle(resolve);
      };
      worker.on('exit', onExit);
      worker.on('message', onMessage);
    });
    if (this.#workers.has(old)) await this.#retire(old, retirement(), worker.tag);
  }

  /** Ends every worker at once. */
  kill(): void {
    for (const worker of this.#workers) worker.kill('SIGKILL');
  }

  /** Whether another worker is on the way to take its place. */
  isBeingReplaced(worker: WorkerProcess): boolean {
    for (const { replaces } of this.#workers) if (replaces === worker) return true;
    return false;
  }

  /** Tells a worker to drain and to end, and waits for its end. */
  async #retire(worker: WorkerProcess, { windowMs, graceMs }: Retirement, successor?: string): Promise<void> {
    const end = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    if (!worker.retired) {
      worker.retired = true;
      worker.state = 'stopping';
      const deadlineMs = Math.max(graceMs - LOWERING_MS, graceMs / 2);
      worker.send({ flotilla: 'stop', windowMs, deadlineMs, successor });
    }
    const killer = setTimeout(() => {
      const { number, pid } = worker;
      this.options.log.warn(
        { worker: number, pid },
        `worker ${number} did not stop within ${graceMs} ms and is killed`,
      );
      worker.kill('SIGKILL');
    }, graceMs);
    await end;
    clearTimeout(killer);
  }

  /** Workers that serve or will, without those that are to replace one of these. */
  get #staff(): number {
    let count = 0;
    for (const { retired, replaces } of this.#workers) if (!retired && !replaces) count++;
    return count;
  }

  #fork(replaces?: WorkerProcess): WorkerProcess {
    const number = ++this.#lastNumber;
    const tag = workerTag(number);
    const worker = new WorkerProcess(number, tag, this.options.environment(number, tag, !this.#everReady));
    worker.replaces = replaces;
    this.#workers.add(worker);
    this.options.log.debug({ worker: number, pid: worker.pid }, 'worker started');
    worker.on('message', (message) => {
      if (message.flotilla === 'ready') this.#ready(worker);
      if (message.flotilla === 'loaded') this.#queueBootstrap(worker);
      if (message.flotilla === 'draining') this.emit('draining', worker, message.left, message.of);
    });
    worker.once('exit', (exit) => this.#ended(worker, exit));
    this.emit('forked', worker);
    return worker;
  }

  #ready(worker: WorkerProcess): void {
    this.#leaveBootstrap(worker);
    if (worker.state !== 'starting') return;
    worker.state = 'ready';
    worker.replaces = undefined;
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
    while (this.#staff < this.options.workers) this.#fork();
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
    if (this.#stopping || worker.retired) {
      this.options.log.debug(fields, 'worker stopped');
      return;
    }
    // whoever asked for the replacement hears of it
    if (worker.replaces) return;
    // its replacement is on the way
    for (const other of this.#workers) {
      if (other.replaces !== worker) continue;
      other.replaces = undefined;
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
      if (this.#staff < wanted) this.#fork();
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

function replacementError(reason: string): LauncherError {
  return new LauncherError('E_REPLACEMENT', `${reason}. The workers before it stay (its own output says more).`);
}

function giveUpError(exit: WorkerExit, reason: string): LauncherError {
  const { code } = exit.failure ?? {};
  if (isPermanent(code)) return new LauncherError(code as LauncherError['code'], exit.failure?.message ?? reason);
  return new LauncherError('E_CRASH_LOOP', `${reason}. Giving up: it failed again and again, and no worker is left.`);
}
