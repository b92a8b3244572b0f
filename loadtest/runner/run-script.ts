import { type ChildProcess, fork } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { CheckCount, DriverOrder, DriverReport, ScenarioFacts } from './driver-messages';
import { parseDuration } from './duration';
import type { ExecutorHost } from './executors/executor-host';
import { runExecutor } from './executors/run-executor';
import { LogDigest } from './log-digest';
import { BUILT_IN_METRICS, type MetricDefinition } from './metric-kinds';
import { MetricStore } from './metric-store';
import { planScenarios, type RawOptions, type ScenarioPlan } from './scenario-plan';
import { bundleScript } from './script-bundle';

/** More sockets in one process make latencies that are the driver's own. */
export const VUS_PER_DRIVER = 250;

/** The exit codes that k6 documents. */
export const EXIT = {
  ok: 0,
  thresholds: 99,
  setup: 107,
  aborted: 108,
  failed: 110,
  invalid: 104,
  signal: 105,
} as const;

export interface RunOptions {
  script: string;
  env: NodeJS.ProcessEnv;
  /** Where sample lines go. Default: nowhere. */
  linesFile?: string;
  /** Virtual users in one process. Default {@link VUS_PER_DRIVER}. */
  vusPerDriver?: number;
  print(line: string): void;
  /** Shows how far the run is; called every second. */
  progress(state: { elapsedMs: number; vus: number; iterations: number; peakSockets: number }): void;
  /** Ends the run as Ctrl-C does. */
  signal?: AbortSignal;
}

interface Driver {
  child: ChildProcess;
  peakSockets: number;
}

const GAUGES = {
  vus: BUILT_IN_METRICS.find(({ name }) => name === 'vus') as MetricDefinition,
  vusMax: BUILT_IN_METRICS.find(({ name }) => name === 'vus_max') as MetricDefinition,
  dropped: BUILT_IN_METRICS.find(({ name }) => name === 'dropped_iterations') as MetricDefinition,
};

/**
 * Runs a script to its end: `setup`, all scenarios, `teardown`, thresholds, `handleSummary`.
 * @returns the exit code: 0, or what k6 documents for the way in which the run went wrong
 */
export async function runScript(options: RunOptions): Promise<number> {
  const scratch = await mkdtemp(join(tmpdir(), 'flotilla-loadtest-'));
  const run = new ScriptRun(options, scratch);
  try {
    return await run.run();
  } finally {
    run.kill();
    await rm(scratch, { recursive: true, force: true });
  }
}

class ScriptRun {
  readonly #drivers: Driver[] = [];
  readonly #iterations = new Map<number, () => void>();
  readonly #waiting = new Map<ChildProcess, (report: DriverReport) => void>();
  readonly #checks = new Map<string, CheckCount>();
  readonly #failures: string[] = [];
  readonly #ownLines: string[] = [];
  readonly #log: LogDigest;
  readonly #stop = new AbortController();
  #store!: MetricStore;
  #abortReason: string | undefined;
  #nextOrder = 0;
  #active = 0;
  #iterationsDone = 0;
  #begun = 0;

  constructor(
    private readonly options: RunOptions,
    private readonly scratch: string,
  ) {
    this.#log = new LogDigest(options.print);
  }

  async run(): Promise<number> {
    const { script, print } = this.options;
    const bundle = join(this.scratch, 'script.cjs');
    let raw: RawOptions;
    let plans: ScenarioPlan[];
    let exports: string[];
    try {
      await writeFile(bundle, await bundleScript(script, 'cjs'));
      const first = this.#spawn();
      const loaded = await this.#load(first, bundle, []);
      raw = loaded.options;
      exports = loaded.exports;
      plans = planScenarios(raw);
      this.#store = new MetricStore(raw);
      for (const definition of loaded.definitions) this.#store.define(definition);
      // Nothing was counted yet, so this only finds thresholds that no metric can meet.
      this.#store.failed(1);
      for (const { name, exec } of plans) {
        if (!exports.includes(exec)) throw new Error(`scenario "${name}": the script exports no function "${exec}"`);
      }
    } catch (error) {
      print(`The script cannot run: ${(error as Error).message}`);
      return EXIT.invalid;
    }

    const setupTimeoutMs = parseDuration((raw.setupTimeout as string) ?? '60s', 'setupTimeout');
    const lifecycle = this.#drivers[0] as Driver;
    const setup = await this.#ask(lifecycle, { kind: 'setup' }, setupTimeoutMs, 'setup');
    if (setup.kind !== 'setup-done' || setup.error) {
      print(`setup failed: ${setup.kind === 'setup-done' ? setup.error : 'its process ended'}`);
      return EXIT.setup;
    }

    const vus = plans.reduce((sum, { maxVus }) => sum + maxVus, 0);
    const count = Math.max(1, Math.ceil(vus / (this.options.vusPerDriver ?? VUS_PER_DRIVER)));
    const loads: Promise<unknown>[] = [];
    for (let index = 0; index < count; index += 1) loads.push(this.#load(this.#spawn(), bundle, this.#store.parts));
    await Promise.all(loads);
    for (const driver of this.#drivers) this.#order(driver, { kind: 'data', data: setup.data });

    await this.#runScenarios(plans, vus);

    const teardown = await this.#ask(lifecycle, { kind: 'teardown' }, setupTimeoutMs, 'teardown');
    if (teardown.kind === 'teardown-done' && teardown.error) this.#log.take('error', `teardown: ${teardown.error}`);
    await Promise.all(this.#drivers.slice(1).map((driver) => this.#ask(driver, { kind: 'finish' }, 30_000, 'finish')));
    return this.#conclude(lifecycle, setup.data, raw);
  }

  kill(): void {
    for (const { child } of this.#drivers) if (child.exitCode === null) child.kill('SIGKILL');
  }

  #spawn(): Driver {
    const child = fork(join(__dirname, 'driver.js'), [], {
      env: this.options.env,
      execArgv: ['--enable-source-maps'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const driver = { child, peakSockets: 0 };
    child.on('message', (report: DriverReport) => this.#take(driver, report));
    child.once('exit', (code, signal) => {
      if (code === 0) return;
      this.#failures.push(`a driver process ended by ${signal ?? `exit code ${code}`}`);
      this.#stop.abort();
      for (const over of this.#iterations.values()) over();
      this.#waiting.get(child)?.({ kind: 'finished' });
    });
    this.#drivers.push(driver);
    return driver;
  }

  async #load(driver: Driver, bundle: string, parts: string[]): Promise<Extract<DriverReport, { kind: 'loaded' }>> {
    const scriptName = basename(this.options.script);
    const linesFile = this.options.linesFile && this.#partFile(this.#drivers.indexOf(driver));
    const report = await this.#ask(driver, { kind: 'load', bundle, scriptName, parts, linesFile }, 60_000, 'loading');
    if (report.kind === 'loaded') return report;
    throw new Error(report.kind === 'load-failed' ? report.error : 'its process ended while it was loaded');
  }

  async #runScenarios(plans: ScenarioPlan[], vus: number): Promise<void> {
    this.#begun = Date.now();
    this.#gauge(GAUGES.vusMax, vus);
    const beat = setInterval(() => this.#beat(), 1000);
    const onSignal = () => this.#abort('interrupted by a signal');
    this.options.signal?.addEventListener('abort', onSignal);
    let offset = 0;
    await Promise.all(
      plans.map((plan) => {
        const firstVu = offset + 1;
        offset += plan.maxVus;
        return this.#runScenario(plan, firstVu);
      }),
    );
    clearInterval(beat);
    this.options.signal?.removeEventListener('abort', onSignal);
    this.#beat();
  }

  async #runScenario(plan: ScenarioPlan, firstVu: number): Promise<void> {
    await this.#sleep(plan.startTimeMs);
    const facts: ScenarioFacts = { name: plan.name, executor: plan.executor, startTime: Date.now() };
    const turns = new Map<number, number>();
    let iterationInTest = 0;
    const run = this;
    const host: ExecutorHost = {
      iterate: async (index) => {
        if (run.#stop.signal.aborted) return;
        const vu = firstVu + index;
        const turn = turns.get(vu) ?? 0;
        turns.set(vu, turn + 1);
        const id = run.#nextOrder++;
        const iteration = iterationInTest++;
        run.#active += 1;
        await new Promise<void>((resolve) => {
          run.#iterations.set(id, resolve);
          run.#order(run.#driverOf(vu), {
            kind: 'iterate',
            order: {
              id,
              vu,
              exec: plan.exec,
              scenario: facts,
              iterationInTest: iteration,
              iterationInScenario: turn,
              env: plan.env,
              tags: plan.tags,
            },
          });
        });
        run.#iterations.delete(id);
        run.#active -= 1;
      },
      interrupt: (index) => run.#order(run.#driverOf(firstVu + index), { kind: 'interrupt', vu: firstVu + index }),
      drop: () => run.#store.merge('dropped_iterations', { type: 'counter', count: 1 }),
      sleep: (ms) => run.#sleep(ms),
      elapsedMs: () => Date.now() - facts.startTime,
      get aborted() {
        return run.#stop.signal.aborted;
      },
    };
    const aborted = () => {
      for (let index = 0; index < plan.maxVus; index += 1) host.interrupt(index);
    };
    this.#stop.signal.addEventListener('abort', aborted);
    await runExecutor(plan, host);
    this.#stop.signal.removeEventListener('abort', aborted);
  }

  /** The first driver keeps `setup` and `teardown`; virtual users are dealt out over the others. */
  #driverOf(vu: number): Driver {
    return this.#drivers[1 + ((vu - 1) % (this.#drivers.length - 1))] as Driver;
  }

  #order(driver: Driver, order: DriverOrder): void {
    if (driver.child.connected) driver.child.send(order);
  }

  async #ask(driver: Driver, order: DriverOrder, timeoutMs: number, what: string): Promise<DriverReport> {
    const answer = new Promise<DriverReport>((resolve) => {
      this.#waiting.set(driver.child, resolve);
    });
    this.#order(driver, order);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<DriverReport>((resolve) => {
      timer = setTimeout(() => {
        this.#failures.push(`${what} took longer than ${timeoutMs} ms`);
        resolve({ kind: 'finished' });
      }, timeoutMs);
    });
    const report = await Promise.race([answer, late]);
    clearTimeout(timer);
    this.#waiting.delete(driver.child);
    return report;
  }

  #take(driver: Driver, report: DriverReport): void {
    switch (report.kind) {
      case 'iteration-done':
        this.#iterationsDone += 1;
        if (report.error) {
          this.#log.take('error', report.error);
        }
        this.#iterations.get(report.id)?.();
        return;
      case 'samples':
        driver.peakSockets = report.peakSockets;
        for (const definition of report.definitions) this.#store.define(definition);
        for (const [selector, delta] of report.deltas) this.#store.merge(selector, delta);
        return;
      case 'checks':
        for (const check of report.checks) this.#addCheck(check);
        return;
      case 'log':
        this.#log.take(report.level, report.text);
        return;
      case 'fail':
        this.#failures.push(report.message);
        this.#log.take('failed', report.message);
        return;
      case 'abort':
        this.#abort(report.message);
        return;
      default:
        this.#waiting.get(driver.child)?.(report);
    }
  }

  #beat(): void {
    const elapsedMs = Date.now() - this.#begun;
    this.#gauge(GAUGES.vus, this.#active);
    const peakSockets = Math.max(...this.#drivers.map((driver) => driver.peakSockets));
    this.options.progress({ elapsedMs, vus: this.#active, iterations: this.#iterationsDone, peakSockets });
    for (const { selector, threshold, actual } of this.#store.failed(elapsedMs / 1000)) {
      if (!threshold.abortOnFail || elapsedMs < threshold.delayAbortEvalMs) continue;
      this.#abort(`the threshold ${selector} ${threshold.source} does not hold: it is ${actual}`);
    }
  }

  #gauge({ name }: MetricDefinition, value: number): void {
    this.#store.merge(name, { type: 'gauge', value, min: value, max: value });
    const data = { time: new Date().toISOString(), value, tags: {} };
    this.#ownLines.push(JSON.stringify({ metric: name, type: 'Point', data }));
  }

  #abort(reason: string): void {
    if (this.#abortReason) return;
    this.#abortReason = reason;
    this.options.print(`  stopped: ${reason}`);
    this.#stop.abort();
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#stop;
    if (ms <= 0 || signal.aborted) return new Promise((resolve) => setImmediate(resolve));
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
    });
  }

  #addCheck(check: CheckCount): void {
    const known = this.#checks.get(check.path);
    if (known) {
      known.passes += check.passes;
      known.fails += check.fails;
    } else this.#checks.set(check.path, { ...check });
  }

  async #conclude(lifecycle: Driver, setupData: unknown, raw: RawOptions): Promise<number> {
    const durationMs = Date.now() - this.#begun;
    const data = {
      metrics: this.#store.summary(durationMs / 1000),
      root_group: { name: '', path: '', id: '', groups: [], checks: [...this.#checks.values()] },
      options: { summaryTrendStats: raw.summaryTrendStats ?? null, noColor: true, summaryTimeUnit: '' },
      state: { testRunDurationMs: durationMs, isStdOutTTY: false, isStdErrTTY: false },
      setup_data: setupData ?? null,
    };
    const summary = await this.#ask(lifecycle, { kind: 'summarise', data }, 30_000, 'handleSummary');
    await this.#ask(lifecycle, { kind: 'finish' }, 30_000, 'finish');
    if (this.options.linesFile) await this.#joinLines(this.options.linesFile);
    if (summary.kind === 'summary') {
      if (summary.error) this.options.print(`handleSummary failed: ${summary.error}`);
      for (const [file, text] of Object.entries(summary.files ?? {})) {
        if (file === 'stdout' || file === 'stderr') this.options.print(text.replace(/\n$/, ''));
        else await writeFile(file, text).catch((error: Error) => this.options.print(`handleSummary: ${error.message}`));
      }
    }
    return this.#verdict(durationMs / 1000);
  }

  #verdict(seconds: number): number {
    const failed = this.#store.failed(seconds);
    for (const message of new Set(this.#failures)) this.options.print(`  failed: ${message}`);
    for (const { text, count } of this.#log.counts()) {
      if (count > 3) this.options.print(`  ${count} times: ${text.split('\n')[0]}`);
    }
    if (this.options.signal?.aborted) return EXIT.signal;
    if (failed.length > 0) return EXIT.thresholds;
    if (this.#abortReason) return EXIT.aborted;
    if (this.#failures.length > 0) return EXIT.failed;
    return EXIT.ok;
  }

  #partFile(index: number): string {
    return join(this.scratch, `lines-${index}.json`);
  }

  /** One file in k6's format: what each metric is, then the samples of every process. */
  async #joinLines(file: string): Promise<void> {
    const output = createWriteStream(file);
    for (const { name, type, contains } of this.#store.definitions) {
      const data = { name, type, contains, thresholds: this.#store.thresholdsOf(name), submetrics: null };
      output.write(`${JSON.stringify({ metric: name, type: 'Metric', data })}\n`);
    }
    if (this.#ownLines.length > 0) output.write(`${this.#ownLines.join('\n')}\n`);
    for (let index = 0; index < this.#drivers.length; index += 1) {
      const part = this.#partFile(index);
      if (existsSync(part)) await pipeline(createReadStream(part), output, { end: false });
    }
    await new Promise<void>((resolve, reject) => {
      output.once('error', reject);
      output.end(resolve);
    });
  }
}
