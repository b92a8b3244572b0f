import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessSeries, RunReport, ScenarioReport, WorkerMetric } from '../report/run-report';
import { reportPage } from '../report/write-report';
import { findEngine, runEngine } from './engine';
import { describeMachine } from './machine';
import { MetricsScraper } from './metrics-scraper';
import { ProcessSampler } from './process-sampler';
import { reportScenario } from './scenario-report';
import { resultTable } from './table';
import { startTargetApp } from './target-app';

const LOADTEST = resolve(__dirname, '..');
/** Between two scenarios, so that the sockets of one are gone when the next counts its own. */
const PAUSE_MS = 500;

export const SCENARIOS = {
  byDefault: ['broadcast-fanout', 'virtual-request', 'session', 'pubsub', 'reconnect-storm'],
  all: ['broadcast-fanout', 'virtual-request', 'session', 'pubsub', 'reconnect-storm', 'rolling-update', 'soak'],
};

/** Variables that shape a run, shown in its report. */
const SETTINGS = [
  'SUBSCRIBERS',
  'ROOMS',
  'RATE',
  'SIZE',
  'DURATION',
  'RAMP',
  'JOIN_TIMEOUT',
  'GRACE',
  'MAX_P95_MS',
  'SOCKETS',
  'ROUTES',
  'USERS',
  'TRIES',
  'ACROSS',
  'FOLLOWERS',
  'BACKOFF',
  'BACKOFF_MAX',
  'MIN_DELIVERED',
  'EXPECT_RECONNECTS',
  'VISITORS',
  'VISIT',
  'EIO',
  'TRANSPORT',
  'SOCKET_PATH',
  'ORIGIN',
  'EVENT',
  'JOIN_ROUTE',
  'MEMBERS_ROUTE',
  'SEND_ROUTE',
  'LOGIN_ROUTE',
  'LOGOUT_ROUTE',
  'WHOAMI_ROUTE',
  'FOLLOW_ROUTE',
  'PUBLISH_ROUTE',
  'MODEL_EVENT',
  'MODEL_FIELD',
  'INSTANCE',
];

export interface LoadTestOptions {
  scenarios: string[];
  target: string | undefined;
  app: string | undefined;
  workers: number;
  engine: string;
  metrics: string[];
  results: string | undefined;
  keepLines: boolean;
}

/**
 * Runs scenarios one after the other against an app, and writes the report.
 * @returns whether all passed
 * @throws Error where the app or the engine is not to be had
 */
export async function runLoadTest(options: LoadTestOptions): Promise<boolean> {
  const engine = findEngine(options.engine);
  const startedAt = new Date();
  const machine = describeMachine();
  const folder = resolve(
    options.results ?? join(LOADTEST, 'results', startedAt.toISOString().slice(0, 19).replace(/:/g, '-')),
  );
  await mkdir(folder, { recursive: true });

  const appDirectory = resolve(options.app ?? join(LOADTEST, '../examples/live-counter'));
  const log: string[] = [];
  if (!options.target)
    console.log(`Starting ${relative(process.cwd(), appDirectory) || '.'} on ${options.workers} workers`);
  const app = options.target
    ? undefined
    : await startTargetApp(appDirectory, options.workers, (line) => log.push(line));
  const url = options.target ?? (app?.url as string);
  console.log(`Engine: ${engine.name} ${engine.version}   Target: ${url}\n`);

  const sampler = app && new ProcessSampler(app.pid);
  const metricsUrls = options.metrics.length > 0 ? options.metrics : app ? [app.metricsUrl] : [];
  const scraper = metricsUrls.length > 0 ? new MetricsScraper(metricsUrls) : undefined;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);

  const scenarios: ScenarioReport[] = [];
  let processes: ProcessSeries[] = [];
  let workerMetrics: WorkerMetric[] = [];
  try {
    for (const name of options.scenarios) {
      if (stop.signal.aborted) break;
      if (scenarios.length > 0) await delay(PAUSE_MS);
      console.log(`--- ${name}`);
      const begun = new Date();
      const outcome = await runEngine(engine, {
        script: join(LOADTEST, 'scenarios', `${name}.ts`),
        folder,
        name,
        env: { ...process.env, TARGET: url },
        signal: stop.signal,
      });
      scenarios.push(await reportScenario({ name, startedAt: begun, ...outcome }));
      if (!options.keepLines) await rm(outcome.linesFile, { force: true });
    }
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    // Before the app goes: what it then no longer answers is no trouble.
    processes = sampler?.stop() ?? [];
    workerMetrics = scraper?.stop() ?? [];
    await app?.stop();
    if (app) await writeFile(join(folder, 'app.log'), `${log.join('\n')}\n`);
  }
  if (scraper?.error) console.error(`\n/metrics could not be read: ${scraper.error}`);

  const report: RunReport = {
    format: 1,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    passed: !stop.signal.aborted && scenarios.every(({ passed }) => passed),
    engine: { name: engine.name, version: engine.version },
    target: {
      url,
      description: app
        ? `${relative(join(LOADTEST, '..'), appDirectory)}, ${options.workers} workers, this machine`
        : 'running already',
    },
    machine,
    settings: Object.fromEntries(SETTINGS.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    scenarios,
    processes,
    workerMetrics,
  };
  await writeFile(join(folder, 'summary.json'), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(folder, 'report.html'), await reportPage([report]));

  console.log(`\n${resultTable(report)}\n`);
  console.log(
    `Report: ${relative(process.cwd(), join(folder, 'report.html'))}   Engine: ${engine.name} ${engine.version}`,
  );
  console.log(report.passed ? 'PASSED' : 'FAILED');
  return report.passed;
}
