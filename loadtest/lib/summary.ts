/** The part of what the runtime hands to `handleSummary` that is used here. */
interface SummaryData {
  metrics: Record<
    string,
    { type: string; contains: string; values: Record<string, number>; thresholds?: Record<string, { ok: boolean }> }
  >;
  state: { testRunDurationMs: number };
}

/**
 * Writes the summary as JSON to the file that `SUMMARY_FILE` names, and prints the thresholds.
 * Scenarios export it as it is.
 */
export function handleSummary(data: SummaryData): Record<string, string> {
  const files: Record<string, string> = { stdout: `${thresholdLines(data).join('\n')}\n` };
  if (__ENV.SUMMARY_FILE) files[__ENV.SUMMARY_FILE] = JSON.stringify(data, null, 2);
  return files;
}

function thresholdLines(data: SummaryData): string[] {
  const lines: string[] = [];
  for (const [name, metric] of Object.entries(data.metrics)) {
    for (const [threshold, { ok }] of Object.entries(metric.thresholds ?? {})) {
      lines.push(`  ${ok ? 'ok    ' : 'FAILED'} ${name} ${threshold}   ${valuesLine(metric.values)}`);
    }
  }
  return lines;
}

function valuesLine(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${Math.round(value * 100) / 100}`)
    .join(' ');
}

/** Statistics of trends that the report is made from. */
export const SUMMARY_TREND_STATS = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)', 'count'];
