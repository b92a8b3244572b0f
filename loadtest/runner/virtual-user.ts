import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { CookieJar } from 'tough-cookie';
import type { Collector } from './collector';
import type { IterationOrder } from './driver-messages';
import type { MetricDefinition } from './metric-kinds';
import { OpenWork } from './open-work';
import type { Tags } from './tag-filter';

/** What the modules of a script can reach of the process that runs it. */
export interface DriverContext {
  collector: Collector;
  log(level: 'info' | 'warn' | 'error', text: string): void;
  /** Marks the run as failed; it goes on. */
  failTest(message: string): void;
  /** Ends the run. */
  abortTest(message: string): void;
  check(name: string, path: string, passed: boolean): void;
  socketOpened(): void;
  socketClosed(): void;
  options: Record<string, unknown>;
}

/** Where a script is: synchronous calls are for `setup` and `teardown` only. */
export type Phase = 'init' | 'setup' | 'vu' | 'teardown';

export type Exports = Record<string, unknown>;

/** One virtual user: its own copy of the script, its cookies, its connections, and what it is doing. */
export class VirtualUser {
  readonly work = new OpenWork();
  readonly httpAgent = new HttpAgent({ keepAlive: true });
  readonly httpsAgent = new HttpsAgent({ keepAlive: true });
  jar = new CookieJar(undefined, { rejectPublicSuffixes: false });
  phase: Phase = 'init';
  groupPath = '';
  iteration: IterationOrder | undefined;
  iterationsDone = 0;
  #fail: ((error: unknown) => void) | undefined;

  constructor(
    /** Its number in the whole run, from 1; 0 for the one that runs `setup` and `teardown`. */
    readonly id: number,
    readonly driver: DriverContext,
  ) {}

  sample(definition: MetricDefinition, value: number, tags: Tags = {}): void {
    const own: Tags = { ...this.iteration?.tags };
    if (this.iteration) own.scenario = this.iteration.scenario.name;
    if (this.groupPath) own.group = this.groupPath;
    this.driver.collector.add(definition, value, { ...own, ...tags });
  }

  /** Ends the iteration with an error, as an exception in a callback does. */
  fail(error: unknown): void {
    if (this.#fail) this.#fail(error);
    else this.driver.log('error', describe(error));
  }

  /** Runs a callback of the script, whose exception ends the iteration. */
  callback(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Runs a function of the script until it has settled and nothing is open any more.
   * @throws what the function or one of its callbacks threw
   */
  async run(call: () => unknown): Promise<unknown> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => {});
    try {
      let settled = false;
      const main = Promise.resolve(call()).finally(() => {
        settled = true;
      });
      main.catch(() => {});
      const idle = (async () => {
        await this.work.whenIdle();
        if (!settled) throw new Error('the function waits for something that can never come: nothing is open any more');
      })();
      idle.catch(() => {});
      const result = await Promise.race([failed, Promise.all([main, idle]).then(([value]) => value)]);
      // What the last promise reactions have opened belongs to the iteration as well.
      await Promise.race([failed, this.work.whenIdle()]);
      return result;
    } finally {
      this.#fail = undefined;
      this.work.endAll();
      this.groupPath = '';
    }
  }

  interrupt(): void {
    this.#fail?.(new Interrupted());
  }

  close(): void {
    this.work.endAll();
    this.httpAgent.destroy();
    this.httpsAgent.destroy();
  }
}

/** Marks the stack frames of scripts. */
export const SCRIPT_FRAME = 'script:';

/** Thrown into an iteration whose time is up. */
export class Interrupted extends Error {
  constructor() {
    super('the iteration was interrupted: its time was up');
  }
}

/** The message of an error, with the script's own part of its stack. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frames = (error.stack ?? '').split('\n').filter((line) => line.includes(SCRIPT_FRAME));
  return [`${error.name}: ${error.message}`, ...frames.map((line) => line.replace(SCRIPT_FRAME, ''))].join('\n');
}
