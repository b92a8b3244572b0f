import { formatCompact } from '../format';
import type { RunReport } from '../run-report';
import { element } from './element';
import { plot } from './plot';

/** What the app's processes did meanwhile. */
export function processSection(run: RunReport): HTMLElement | undefined {
  const { processes, workerMetrics } = run;
  if (processes.length + workerMetrics.length === 0) return undefined;
  const plots = element('div.plots');
  if (processes.length > 0) {
    const x = [...new Set(processes.flatMap(({ seconds }) => seconds))].sort((a, b) => a - b);
    const lines = (pick: 'cpuPercent' | 'memoryMiB') =>
      processes.map((process, index) => ({
        label: process.label,
        color: (index % 6) + 1,
        values: x.map((second) => process[pick][process.seconds.indexOf(second)] ?? null),
      }));
    plots.append(plot({ title: 'CPU, of one core', x, lines: lines('cpuPercent'), format: (value) => `${value} %` }));
    plots.append(plot({ title: 'Memory', x, lines: lines('memoryMiB'), format: (value) => `${value} MiB` }));
  }
  for (const { name, unit, seconds, workers } of workerMetrics) {
    plots.append(
      plot({
        title: unit === 'per second' ? `${name}, each second` : name,
        x: seconds,
        lines: workers.map(({ label, values }, index) => ({ label, color: (index % 6) + 1, values })),
        format: formatCompact,
      }),
    );
  }
  return element('section.scenario', element('header', element('h2', 'the app’s processes')), plots);
}
