import { formatDuration, formatMs } from '../report/format';
import type { LatencySeries, RunReport, ScenarioReport } from '../report/run-report';

/** The result for a terminal: a line per scenario, then what failed. */
export function resultTable(report: RunReport): string {
  const rows = [['', 'scenario', 'outcome', 'latency of', 'p50', 'p95', 'p99', 'took']];
  for (const scenario of report.scenarios) {
    const main = mainLatency(scenario);
    const at = (percent: number) => (main ? formatMs(percentileOf(main, percent)) : '');
    rows.push([
      scenario.passed ? 'pass' : 'FAIL',
      scenario.name,
      scenario.outcome,
      main ? describeLatency(main) : '',
      at(50),
      at(95),
      at(99),
      formatDuration(scenario.durationMs),
    ]);
  }
  const lines = layOut(rows);
  for (const scenario of report.scenarios.filter(({ passed }) => !passed)) {
    lines.push('', `${scenario.name} failed:`);
    for (const { metric, source, ok, actual } of scenario.thresholds) {
      if (!ok) lines.push(`  ${metric}: ${source} does not hold, it is ${actual}`);
    }
    for (const complaint of scenario.complaints) lines.push(`  ${complaint}`);
  }
  return lines.join('\n');
}

/** The latency that a scenario is about. */
export function mainLatency({ latencies }: ScenarioReport): LatencySeries | undefined {
  return latencies.find(({ label }) => label === 'reconnect_gap') ?? latencies[0];
}

export function percentileOf({ percentiles }: LatencySeries, wanted: number): number {
  return percentiles.find(([percent]) => percent === wanted)?.[1] ?? 0;
}

function describeLatency({ label }: LatencySeries): string {
  const [metric = '', ...route] = label.split(' ');
  const names: Record<string, string> = {
    broadcast_latency: 'a broadcast',
    broadcast_round_trip: 'a broadcast, to its sender',
    time_to_connect: 'connecting',
    reconnect_gap: 'the gap at a reconnect',
  };
  return names[metric] ?? (route.join(' ') || metric);
}

function layOut(rows: string[][]): string[] {
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd();
  const [head, ...body] = rows.map(line) as [string, ...string[]];
  return [head, '-'.repeat(Math.max(...body.map(({ length }) => length), head.length)), ...body];
}
