import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { formatMs } from '../report/format';
import type { RunReport } from '../report/run-report';
import { reportPage } from '../report/write-report';
import { mainLatency, percentileOf } from './table';

/**
 * Prints two runs beside each other, and writes a page with both.
 * @param a folder of a run, or its `summary.json`
 * @throws Error where one of them cannot be read
 */
export async function compareRuns(a: string, b: string, out: string | undefined): Promise<void> {
  const runs = await Promise.all([readRun(a), readRun(b)]);
  const file = resolve(out ?? join(__dirname, '../results/compare.html'));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, await reportPage(runs));
  console.log(comparisonLines(runs).join('\n'));
  console.log(`\nReport: ${relative(process.cwd(), file)}`);
}

async function readRun(path: string): Promise<RunReport> {
  const file = (await stat(path).catch(() => undefined))?.isDirectory() ? join(path, 'summary.json') : path;
  let report: RunReport;
  try {
    report = JSON.parse(await readFile(file, 'utf8')) as RunReport;
  } catch (error) {
    throw new Error(`${file} cannot be read as a run: ${(error as Error).message}`);
  }
  if (report.format !== 1) throw new Error(`${file} is no summary.json of this version of the load tests.`);
  return report;
}

function comparisonLines([a, b]: RunReport[]): string[] {
  const lines = [`A  ${a?.startedAt}  ${a?.target.description}`, `B  ${b?.startedAt}  ${b?.target.description}`, ''];
  for (const before of a?.scenarios ?? []) {
    const after = b?.scenarios.find(({ name }) => name === before.name);
    if (!after) continue;
    lines.push(
      `${before.name}   A ${before.passed ? 'pass' : 'FAIL'}: ${before.outcome}   B ${after.passed ? 'pass' : 'FAIL'}: ${after.outcome}`,
    );
    const [one, two] = [mainLatency(before), mainLatency(after)];
    if (!one || !two) continue;
    for (const percent of [50, 95, 99]) {
      const [x, y] = [percentileOf(one, percent), percentileOf(two, percent)];
      const ratio = x > 0 ? `  x${(y / x).toFixed(2)}` : '';
      lines.push(`  ${one.label} p${percent}:  ${formatMs(x)}  ->  ${formatMs(y)}${ratio}`);
    }
  }
  return lines;
}
