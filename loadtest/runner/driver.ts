import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { Collector } from './collector';
import type { CheckCount, DriverOrder, DriverReport, IterationOrder } from './driver-messages';
import { BUILT_IN_METRICS, type MetricDefinition } from './metric-kinds';
import { Script } from './script';
import { type DriverContext, describe, type Exports, Interrupted, VirtualUser } from './virtual-user';

const TELL_EVERY_MS = 500;
/** Lines are gathered to this size before they are written. */
const LINES_BUFFER_CHARS = 256 * 1024;

const built = (wanted: string) => BUILT_IN_METRICS.find(({ name }) => name === wanted) as MetricDefinition;
const ITERATIONS = built('iterations');
const ITERATION_DURATION = built('iteration_duration');

interface User {
  vu: VirtualUser;
  /** Its `__ENV`. */
  env: NodeJS.ProcessEnv;
  exports: Exports;
}

type ScriptFunction = (data: unknown) => unknown;

/** Runs the virtual users of one process as the coordinator orders. */
class Driver {
  readonly #users = new Map<number, User>();
  readonly #checks = new Map<string, CheckCount>();
  #script!: Script;
  #collector!: Collector;
  #context!: DriverContext;
  #lines: LineFile | undefined;
  #data: unknown;
  #sockets = 0;
  #peakSockets = 0;

  take(order: DriverOrder): void {
    switch (order.kind) {
      case 'load':
        this.#load(order);
        return;
      case 'setup':
        void this.#callLifecycle('setup', undefined).then(
          (data) => tell({ kind: 'setup-done', data }),
          (error) => tell({ kind: 'setup-done', error: describe(error) }),
        );
        return;
      case 'data':
        this.#data = order.data;
        return;
      case 'iterate':
        void this.#iterate(order.order);
        return;
      case 'interrupt':
        this.#users.get(order.vu)?.vu.interrupt();
        return;
      case 'teardown':
        void this.#callLifecycle('teardown', this.#data).then(
          () => tell({ kind: 'teardown-done' }),
          (error) => tell({ kind: 'teardown-done', error: describe(error) }),
        );
        return;
      case 'summarise':
        this.#summarise(order.data);
        return;
      case 'finish':
        void this.#finish();
    }
  }

  #load(order: Extract<DriverOrder, { kind: 'load' }>): void {
    try {
      if (order.linesFile) this.#lines = new LineFile(order.linesFile);
      this.#collector = new Collector(order.parts, this.#lines);
      this.#context = {
        collector: this.#collector,
        log: (level, text) => tell({ kind: 'log', level, text }),
        failTest: (message) => tell({ kind: 'fail', message }),
        abortTest: (message) => tell({ kind: 'abort', message }),
        check: (name, path, passed) => this.#check(name, path, passed),
        socketOpened: () => {
          this.#sockets += 1;
          this.#peakSockets = Math.max(this.#peakSockets, this.#sockets);
        },
        socketClosed: () => {
          this.#sockets -= 1;
        },
        options: {},
      };
      this.#script = new Script(readFileSync(order.bundle, 'utf8'), order.scriptName);
      const { exports } = this.#user(0);
      const options = (exports.options ?? {}) as Record<string, unknown>;
      this.#context.options = options;
      const names = Object.keys(exports).filter((name) => typeof exports[name] === 'function');
      setInterval(() => this.#tellSamples(), TELL_EVERY_MS).unref();
      const { definitions } = this.#collector.take();
      tell({ kind: 'loaded', options: JSON.parse(JSON.stringify(options)), exports: names, definitions });
    } catch (error) {
      tell({ kind: 'load-failed', error: describe(error) });
    }
  }

  #user(id: number): User {
    let user = this.#users.get(id);
    if (!user) {
      const vu = new VirtualUser(id, this.#context);
      const env = { ...process.env };
      user = { vu, env, exports: this.#script.load(vu, env) };
      vu.phase = 'vu';
      this.#users.set(id, user);
    }
    return user;
  }

  async #callLifecycle(name: 'setup' | 'teardown', data: unknown): Promise<unknown> {
    const { vu, exports } = this.#user(0);
    const call = exports[name] as ScriptFunction | undefined;
    if (!call) return undefined;
    vu.phase = name;
    let result: unknown;
    try {
      result = await vu.run(() => call(data));
    } finally {
      // The summary is made before this process is told to finish.
      this.#tellCounts();
    }
    // As k6 does: what virtual users get has been through JSON.
    return result === undefined ? undefined : JSON.parse(JSON.stringify(result));
  }

  async #iterate(order: IterationOrder): Promise<void> {
    const begun = performance.now();
    let error: string | undefined;
    let interrupted = false;
    try {
      const { vu, env, exports } = this.#user(order.vu);
      Object.assign(env, order.env);
      const call = exports[order.exec] as ScriptFunction | undefined;
      if (!call) throw new Error(`the script exports no function "${order.exec}"`);
      vu.iteration = order;
      try {
        await vu.run(() => call(this.#data));
      } catch (thrown) {
        interrupted = thrown instanceof Interrupted;
        if (!interrupted) error = describe(thrown);
      }
      if (!interrupted) {
        vu.iterationsDone += 1;
        vu.sample(ITERATIONS, 1);
        vu.sample(ITERATION_DURATION, performance.now() - begun);
      }
      vu.iteration = undefined;
    } catch (thrown) {
      error = describe(thrown);
    }
    tell({ kind: 'iteration-done', id: order.id, interrupted, error });
  }

  #check(name: string, path: string, passed: boolean): void {
    const key = `${path}::${name}`;
    const count = this.#checks.get(key) ?? { name, path: key, passes: 0, fails: 0 };
    if (passed) count.passes += 1;
    else count.fails += 1;
    this.#checks.set(key, count);
  }

  #summarise(data: unknown): void {
    try {
      const call = this.#user(0).exports.handleSummary as ((data: unknown) => unknown) | undefined;
      tell({ kind: 'summary', files: call ? (call(data) as Record<string, string>) : undefined });
    } catch (error) {
      tell({ kind: 'summary', error: describe(error) });
    }
  }

  #tellSamples(): void {
    const { definitions, deltas } = this.#collector.take();
    if (definitions.length + deltas.length === 0) return;
    tell({ kind: 'samples', definitions, deltas, peakSockets: this.#peakSockets });
  }

  #tellCounts(): void {
    this.#tellSamples();
    if (this.#checks.size > 0) tell({ kind: 'checks', checks: [...this.#checks.values()] });
    this.#checks.clear();
  }

  async #finish(): Promise<void> {
    for (const { vu } of this.#users.values()) vu.close();
    await this.#script.close();
    this.#tellCounts();
    this.#lines?.close();
    tell({ kind: 'finished' });
    process.disconnect?.();
  }
}

/** Sample lines, written in large pieces. */
class LineFile {
  readonly #file: number;
  #buffer: string[] = [];
  #chars = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  write(line: string): void {
    this.#buffer.push(line);
    this.#chars += line.length;
    if (this.#chars >= LINES_BUFFER_CHARS) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#buffer.length > 0) writeSync(this.#file, `${this.#buffer.join('\n')}\n`);
    this.#buffer = [];
    this.#chars = 0;
  }
}

function tell(report: DriverReport): void {
  if (process.connected) process.send?.(report);
}

const driver = new Driver();
process.on('message', (order: DriverOrder) => driver.take(order));
process.on('disconnect', () => process.exit());
// The coordinator decides when a run ends: Ctrl-C reaches the whole process group.
process.on('SIGINT', () => {});
process.on('unhandledRejection', (error) => {
  tell({ kind: 'log', level: 'error', text: `uncaught in a promise: ${describe(error)}` });
});
