import type { Logger } from '../logger';
import type { Check, ProbeReport } from './checks';

/** Logs why a check fails, once, and that it is good again: an orchestrator shows only the status code. */
export class CheckLog {
  readonly #told = new Map<string, Check['status']>();
  /** What somebody was alarmed by. */
  readonly #alarming = new Set<string>();

  constructor(private readonly log: Logger) {}

  /**
   * Takes the outcome of a probe.
   * @param isExpected whether checks are not yet or no longer to be good: then nothing is alarming
   */
  note(probe: string, { checks }: ProbeReport, isExpected: boolean): void {
    for (const [name, { status, detail }] of Object.entries(checks)) {
      const key = `${probe} ${name}`;
      const before = this.#told.get(key) ?? 'ok';
      if (status === before) continue;
      this.#told.set(key, status);
      const fields = { probe, check: name };
      const wasAlarming = this.#alarming.delete(key);
      if (isExpected || (status === 'ok' && !wasAlarming)) {
        this.log.debug(fields, detail);
        continue;
      }
      if (status === 'ok') {
        this.log.info(fields, `good again: ${detail}`);
        continue;
      }
      this.#alarming.add(key);
      if (status === 'failed') this.log.error(fields, `not ${MEANING[probe] ?? probe}: ${detail}`);
      else this.log.warn(fields, detail);
    }
  }
}

const MEANING: Record<string, string> = { livez: 'live', readyz: 'ready', startupz: 'started' };
