import { readFile } from 'node:fs/promises';
import { formatCount, formatValue } from '../report/format';
import { readSeries } from '../report/read-lines';
import type { ScenarioReport } from '../report/run-report';

/** What `handleSummary` of the scenarios writes. */
interface Summary {
  metrics: Record<
    string,
    { type: string; contains: string; values: Record<string, number>; thresholds?: Record<string, { ok: boolean }> }
  >;
  state: { testRunDurationMs: number };
}

/** Puts together what is known of one scenario after its engine has ended. */
export async function reportScenario(run: {
  name: string;
  startedAt: Date;
  exitCode: number;
  linesFile: string;
  summaryFile: string;
  complaints: string[];
}): Promise<ScenarioReport> {
  const summary = await readJson<Summary>(run.summaryFile);
  const series = await readSeries(run.linesFile).catch(() => ({ latencies: [], rates: [], seconds: [] }));
  const metrics = summary?.metrics ?? {};
  const thresholds: ScenarioReport['thresholds'] = [];
  for (const [metric, { contains, values, thresholds: of }] of Object.entries(metrics)) {
    for (const [source, { ok }] of Object.entries(of ?? {})) {
      thresholds.push({ metric, source, ok, actual: actualOf(source, contains, values) });
    }
  }
  thresholds.sort((a, b) => Number(a.ok) - Number(b.ok) || a.metric.localeCompare(b.metric));
  return {
    name: run.name,
    title: run.name.replace(/-/g, ' '),
    passed: run.exitCode === 0,
    exitCode: run.exitCode,
    startedAt: run.startedAt.toISOString(),
    durationMs: summary?.state.testRunDurationMs ?? Date.now() - run.startedAt.getTime(),
    outcome: summary ? outcomeOf(metrics) : 'it did not run: see the complaints',
    thresholds,
    complaints: run.exitCode === 0 ? [] : run.complaints,
    metrics: Object.fromEntries(
      Object.entries(metrics).map(([name, { type, contains, values }]) => [name, { type, contains, values }]),
    ),
    ...series,
  };
}

function actualOf(source: string, contains: string, values: Record<string, number>): string {
  const statistic = /^\s*([a-z]+(?:\([\d.]+\))?)/.exec(source)?.[1] ?? '';
  const value = values[statistic];
  return value === undefined ? '' : formatValue(value, contains);
}

function outcomeOf(metrics: Summary['metrics']): string {
  const count = (name: string) => metrics[name]?.values.count ?? 0;
  const parts: string[] = [];
  if (count('connects') > 0) parts.push(`${formatCount(count('connects'))} connects`);
  const expected = count('deliveries_expected');
  if (expected > 0) parts.push(`${formatCount(count('deliveries_received'))} of ${formatCount(expected)} deliveries`);
  if (count('reconnects') > 0) parts.push(`${formatCount(count('reconnects'))} came back`);
  if (count('sessions_shared') > 0) {
    parts.push(
      `${formatCount(count('sessions_shared'))} sessions shared, ${formatCount(count('sessions_across_workers'))} across workers`,
    );
  } else if (expected === 0 && count('virtual_requests_due') > 0) {
    parts.push(
      `${formatCount(count('virtual_requests_answered'))} of ${formatCount(count('virtual_requests_due'))} requests answered`,
    );
  }
  return parts.join(', ') || 'nobody connected';
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
