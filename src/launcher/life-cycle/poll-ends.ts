import type { Logger } from '../logger';
import type { Supervisor } from '../supervisor';
import type { WorkerProcess } from '../worker-process';

/** What a worker may take longer than the window: what is left to be sent has its time. */
const SLACK_MS = 500;

/** What {@link PollEnds} needs. */
export interface PollEndsOptions {
  supervisor: Supervisor;
  log: Logger;
}

/**
 * Ends the polling sessions of a pod while it still takes requests: where pods do not pass polls on to each other, a sticky
 * proxy that finds a pod unready sends its next polls to another pod, which does not have their sessions.
 */
export class PollEnds {
  #isRunning = false;

  constructor(private readonly options: PollEndsOptions) {}

  /** Whether the pod is to be found ready though it drains. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Settles when they are ended, or when it is time. */
  async run(windowMs: number): Promise<void> {
    const { supervisor, log } = this.options;
    this.#isRunning = true;
    try {
      log.info('draining: ready until the polling sessions are closed, since polls reach them through this pod only');
      const counts = await Promise.all(supervisor.readyWorkers.map((worker) => endIn(worker, windowMs)));
      const ended = counts.reduce((sum, count) => sum + count, 0);
      log.info({ ended }, `draining: ${ended} polling ${ended === 1 ? 'session' : 'sessions'} closed`);
    } finally {
      this.#isRunning = false;
    }
  }
}

function endIn(worker: WorkerProcess, windowMs: number): Promise<number> {
  return new Promise((resolve) => {
    const settle = (count: number) => {
      clearTimeout(timer);
      worker.removeListener('message', onMessage);
      worker.removeListener('exit', onExit);
      resolve(count);
    };
    const onExit = () => settle(0);
    const onMessage = (message: { flotilla: string; count?: number }) => {
      if (message.flotilla === 'polls-closed') settle(message.count ?? 0);
    };
    const timer = setTimeout(() => settle(0), windowMs + SLACK_MS);
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    worker.send({ flotilla: 'close-polls', windowMs });
  });
}
