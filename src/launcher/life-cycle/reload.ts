import { LauncherError, messageOf } from '../errors';
import type { Logger } from '../logger';
import type { SettingsAgreement } from '../settings-agreement';
import type { Retirement, Supervisor } from '../supervisor';

/** What a {@link Reload} needs. */
export interface ReloadOptions {
  supervisor: Supervisor;
  agreement: SettingsAgreement;
  /** How each old worker is told to end. */
  retirement: Retirement;
  log: Logger;
}

/**
 * Replaces the workers of a pod one by one, each new one up before the old one drains, so that the app as it is on disk
 * now takes over without a refused connection. Where a new worker does not lift it stops, and the old ones stay.
 */
export class Reload {
  #isRunning = false;

  constructor(private readonly options: ReloadOptions) {}

  /**
   * @returns how many workers were replaced
   * @throws LauncherError `E_RELOAD_BUSY` during another; `E_REPLACEMENT` where a new worker did not lift
   */
  async run(): Promise<number> {
    const { supervisor, agreement, retirement, log } = this.options;
    if (this.#isRunning) throw new LauncherError('E_RELOAD_BUSY', 'A reload is running already: wait for its end.');
    this.#isRunning = true;
    const before = supervisor.readyWorkers;
    let replaced = 0;
    let isComplete = false;
    agreement.beginReload();
    try {
      log.info(`reload: replacing ${before.length} ${before.length === 1 ? 'worker' : 'workers'} one by one`);
      for (const old of before) {
        if (old.state !== 'ready' || supervisor.isBeingReplaced(old)) continue;
        await supervisor.replace(old, () => retirement);
        replaced++;
        log.info({ worker: old.number }, `reload: ${replaced} of ${before.length} workers replaced`);
      }
      isComplete = true;
      log.info('reload: done');
      return replaced;
    } catch (error) {
      const text = `The reload stopped after ${replaced} of ${before.length} workers: ${messageOf(error)}`;
      throw new LauncherError('E_REPLACEMENT', text, { cause: error });
    } finally {
      agreement.endReload(isComplete);
      this.#isRunning = false;
    }
  }
}
