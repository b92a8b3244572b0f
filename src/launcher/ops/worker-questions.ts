import { LauncherError } from '../errors';
import type { WorkerProcess } from '../worker-process';
import type { OpsAnswers, OpsQuestion } from './protocol';

/** How long a worker may take to answer. */
const ANSWER_WITHIN_MS = 2_000;

interface PendingQuestion {
  worker: WorkerProcess;
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** Asks workers, over their IPC channels. */
export class WorkerQuestions {
  readonly #pending = new Map<number, PendingQuestion>();
  #nextId = 1;

  /** A process was forked: its answers are listened to. */
  watch(worker: WorkerProcess): void {
    worker.on('message', (message) => {
      if (message.flotilla !== 'answer') return;
      const pending = this.#take(message.id);
      if (!pending) return;
      if (message.error) pending.reject(Object.assign(new Error(message.error.message), { code: message.error.code }));
      else pending.resolve(message.value);
    });
    worker.once('exit', () => {
      for (const [id, pending] of this.#pending) {
        if (pending.worker === worker) this.#take(id)?.reject(silent(worker, 'has ended'));
      }
    });
  }

  /**
   * Asks one worker.
   * @throws LauncherError `E_OPS_WORKER_SILENT` where it ends, or does not answer within two seconds; whatever it answers as an error
   */
  ask<Question extends OpsQuestion>(worker: WorkerProcess, question: Question): Promise<OpsAnswers[Question['name']]> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#take(id)?.reject(silent(worker, `did not answer within ${ANSWER_WITHIN_MS} ms`)),
        ANSWER_WITHIN_MS,
      );
      timer.unref();
      this.#pending.set(id, { worker, resolve: resolve as (value: unknown) => void, reject, timer });
      worker.send({ flotilla: 'ask', id, question });
    });
  }

  /** Asks several workers; those that do not answer are left out. */
  async askAll<Question extends OpsQuestion>(
    workers: Iterable<WorkerProcess>,
    question: Question,
  ): Promise<Array<{ worker: WorkerProcess; answer: OpsAnswers[Question['name']] }>> {
    const asked = [...workers].map(async (worker) => ({ worker, answer: await this.ask(worker, question) }));
    const settled = await Promise.allSettled(asked);
    return settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }

  close(): void {
    for (const [id, { worker }] of this.#pending) this.#take(id)?.reject(silent(worker, 'was not waited for'));
  }

  #take(id: number): PendingQuestion | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    clearTimeout(pending?.timer);
    return pending;
  }
}

function silent(worker: WorkerProcess, what: string): LauncherError {
  return new LauncherError('E_OPS_WORKER_SILENT', `worker ${worker.number} ${what}`);
}
