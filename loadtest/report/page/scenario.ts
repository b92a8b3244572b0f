import { formatCount, formatDuration, formatMs } from '../format';
import type { LatencySeries, ScenarioReport } from '../run-report';
import { element } from './element';
import { percentileAt, percentileMarks, placeOfPercentile } from './percentile-axis';
import { plot } from './plot';

const TITLES: Record<string, string> = {
  broadcast_latency: 'Broadcast, to every subscriber',
  broadcast_round_trip: 'Broadcast, back to its sender',
  time_to_connect: 'Time to connect',
  reconnect_gap: 'Gap at a reconnect',
};

const SHOWN_PERCENTILES = [50, 95, 99, 100];

/** All of one scenario of one run. */
export function scenarioSection(scenario: ScenarioReport): HTMLElement {
  const section = element(
    'section.scenario',
    heading(scenario),
    element('p.outcome', `${scenario.outcome} · ${formatDuration(scenario.durationMs)}`),
    complaintList(scenario),
    thresholdList(scenario),
    latencyTable([{ name: '', scenario }]),
  );
  const plots = element('div.plots');
  for (const latency of scenario.latencies) {
    // A line through one or two seconds says nothing.
    if (latency.p50.filter((value) => value !== null).length > 2) plots.append(latencyPlot(latency));
  }
  const rates = scenario.rates.filter(({ perSecond }) => perSecond.length > 2);
  if (rates.length > 0) plots.append(ratePlot(scenario, rates));
  if (scenario.latencies.some(({ count }) => count >= 10)) plots.append(percentilePlot([{ name: '', scenario }]));
  section.append(plots);
  return section;
}

export function heading(scenario: ScenarioReport): HTMLElement {
  return element('header', element('h2', scenario.title), verdict(scenario.passed));
}

export function verdict(passed: boolean): HTMLElement {
  return element(passed ? 'span.verdict.passed' : 'span.verdict.failed', passed ? 'passed' : 'failed');
}

export function titleOf(label: string): string {
  const [metric = '', ...route] = label.split(' ');
  return route.length > 0 ? route.join(' ') : (TITLES[metric] ?? metric);
}

/** A row per latency and run; with a second run, how it compares. */
export function latencyTable(runs: { name: string; scenario: ScenarioReport }[]): HTMLElement | undefined {
  const labels = [...new Set(runs.flatMap(({ scenario }) => scenario.latencies.map(({ label }) => label)))];
  if (labels.length === 0) return undefined;
  const head = element('tr', element('th', 'latency'), element('th.number', 'samples'));
  for (const percent of SHOWN_PERCENTILES) head.append(element('th.number', percent === 100 ? 'max' : `p${percent}`));
  const body = element('tbody');
  for (const label of labels) {
    const first = runs[0]?.scenario.latencies.find((each) => each.label === label);
    for (const { name, scenario } of runs) {
      const latency = scenario.latencies.find((each) => each.label === label);
      if (!latency) continue;
      const row = element(
        'tr',
        element('td', titleOf(label), name !== '' && element('span.run', name)),
        element('td.number', formatCount(latency.count)),
      );
      for (const percent of SHOWN_PERCENTILES) {
        const value = valueAt(latency, percent);
        const base = first && latency !== first ? valueAt(first, percent) : 0;
        row.append(element('td.number', formatMs(value), base > 0 && ratio(value / base)));
      }
      body.append(row);
    }
  }
  return element('div.table', element('table', element('thead', head), body));
}

function ratio(value: number): HTMLElement {
  const kind = value > 1.1 ? 'worse' : value < 0.9 ? 'better' : 'same';
  return element(`span.ratio.${kind}`, `×${value.toFixed(2)}`);
}

function valueAt({ percentiles }: LatencySeries, wanted: number): number {
  return percentiles.find(([percent]) => percent === wanted)?.[1] ?? 0;
}

function complaintList({ complaints }: ScenarioReport): HTMLElement | undefined {
  if (complaints.length === 0) return undefined;
  return element('ul.complaints', ...complaints.map((complaint) => element('li', complaint)));
}

function thresholdList({ thresholds }: ScenarioReport): HTMLElement | undefined {
  if (thresholds.length === 0) return undefined;
  return element(
    'ul.thresholds',
    ...thresholds.map(({ metric, source, ok, actual }) =>
      element(
        ok ? 'li.ok' : 'li.broken',
        element('code', `${metric} ${source}`),
        element('span.actual', ok ? actual : `is ${actual}`),
      ),
    ),
  );
}

export function latencyPlot(latency: LatencySeries, name = ''): HTMLElement {
  return plot({
    title: `${titleOf(latency.label)}${name && `, ${name}`}`,
    x: latency.seconds,
    lines: [
      { label: 'p50', values: latency.p50, color: 1 },
      { label: 'p95', values: latency.p95, color: 2 },
      { label: 'p99', values: latency.p99, color: 3 },
    ],
    format: formatMs,
  });
}

export function ratePlot(scenario: ScenarioReport, rates: ScenarioReport['rates'], name = ''): HTMLElement {
  return plot({
    title: `Each second${name && `, ${name}`}`,
    x: scenario.seconds,
    lines: rates.map(({ label, perSecond }, index) => ({ label, values: perSecond, color: index + 1 })),
    format: formatCount,
    filled: true,
  });
}

/** Latency over the share of samples below it, of all latencies, of one run or two. */
export function percentilePlot(runs: { name: string; scenario: ScenarioReport }[]): HTMLElement {
  const lines: { label: string; latency: LatencySeries; color: number; dashed: boolean }[] = [];
  runs.forEach(({ name, scenario }, run) => {
    scenario.latencies
      .filter(({ count }) => count >= 10)
      .forEach((latency, index) => {
        const label = name ? `${titleOf(latency.label)}, ${name}` : titleOf(latency.label);
        lines.push({ label, latency, color: (index % 6) + 1, dashed: run > 0 });
      });
  });
  const most = Math.max(...lines.map(({ latency }) => latency.count));
  const x = [...new Set(lines.flatMap(({ latency }) => placesOf(latency)))].sort((a, b) => a - b);
  return plot({
    title: 'Percentiles',
    x,
    lines: lines.map(({ label, latency, color, dashed }) => ({ label, color, dashed, values: alignTo(x, latency) })),
    format: formatMs,
    formatX: percentileAt,
    ticks: percentileMarks(most),
  });
}

function placesOf({ percentiles, count }: LatencySeries): number[] {
  return percentiles.map(([percent]) => placeOfPercentile(percent, count));
}

function alignTo(x: number[], latency: LatencySeries): (number | null)[] {
  const values = new Map<number, number>();
  // Percentiles beyond the number of samples all stand at the end: the greatest is drawn.
  for (const [percent, value] of latency.percentiles) values.set(placeOfPercentile(percent, latency.count), value);
  return x.map((place) => values.get(place) ?? null);
}
