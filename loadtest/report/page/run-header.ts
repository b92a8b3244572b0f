import { formatCount, formatDuration, formatMs } from '../format';
import type { RunReport } from '../run-report';
import { element } from './element';
import { verdict } from './scenario';

export function runHeader(run: RunReport, name = ''): HTMLElement {
  const when = new Date(run.startedAt);
  return element(
    'header.run-header',
    element(
      'div',
      element('h1', name || 'Load test'),
      element(
        'p',
        `${when.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' })} · ${run.target.url} · ` +
          `${run.target.description} · ${run.engine.name} ${run.engine.version} · ${formatDuration(run.durationMs)}`,
      ),
    ),
    verdict(run.passed),
  );
}

/** The figures that one looks for first. */
export function tiles(run: RunReport): HTMLElement {
  const sum = (metric: string) =>
    run.scenarios.reduce((total, { metrics }) => total + (metrics[metric]?.values.count ?? 0), 0);
  const passed = run.scenarios.filter((scenario) => scenario.passed).length;
  const lost = sum('missing') + sum('duplicate') + sum('out_of_order');
  const fanOut = run.scenarios.flatMap(({ latencies }) => latencies).find(({ label }) => label === 'broadcast_latency');
  const list = [
    tile(`${passed} / ${run.scenarios.length}`, 'scenarios passed', passed === run.scenarios.length),
    tile(formatCount(sum('deliveries_received')), `of ${formatCount(sum('deliveries_expected'))} deliveries`),
    tile(formatCount(lost), 'missing, twice or out of order', lost === 0),
    tile(formatCount(sum('virtual_requests_answered')), 'virtual requests answered'),
  ];
  const p99 = fanOut?.percentiles.find(([percent]) => percent === 99)?.[1];
  if (p99 !== undefined) list.push(tile(formatMs(p99), 'broadcast latency, p99'));
  return element('div.tiles', ...list);
}

function tile(value: string, label: string, good?: boolean): HTMLElement {
  const kind = good === undefined ? '' : good ? '.good' : '.bad';
  return element(`div.tile${kind}`, element('strong', value), element('span', label));
}

export function circumstances(run: RunReport, name = ''): HTMLElement {
  const { machine } = run;
  const facts: [string, string][] = [
    ['machine', `${machine.cpus} × ${machine.cpuModel}, ${machine.memoryGiB} GiB, ${machine.system}`],
    ['Node.js', machine.node],
    ['open files', machine.openFiles],
    ['load before', `${machine.loadBefore}`],
    ['target', `${run.target.url} (${run.target.description})`],
    ['engine', `${run.engine.name} ${run.engine.version}`],
    ...Object.entries(run.settings),
  ];
  if (Object.keys(run.settings).length === 0) facts.push(['settings', 'all at their defaults']);
  const list = element('dl');
  for (const [term, text] of facts) list.append(element('dt', term), element('dd', text));
  return element('section.scenario', element('header', element('h2', name ? `settings of ${name}` : 'settings')), list);
}
