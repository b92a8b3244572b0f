import type { RunReport } from '../run-report';
import { element } from './element';
import { processSection } from './processes';
import { circumstances, runHeader, tiles } from './run-header';
import { heading, latencyPlot, latencyTable, percentilePlot, ratePlot, scenarioSection, verdict } from './scenario';

const runs = JSON.parse(document.getElementById('runs')?.textContent ?? '[]') as RunReport[];
const page = document.getElementById('report') as HTMLElement;
const [first, second] = runs;
if (first) page.append(...(second ? comparison(first, second) : single(first)));

function single(run: RunReport): Node[] {
  return [
    runHeader(run),
    tiles(run),
    ...run.scenarios.map(scenarioSection),
    ...present(processSection(run)),
    circumstances(run),
  ];
}

function comparison(a: RunReport, b: RunReport): Node[] {
  const sections = a.scenarios.map((before) => {
    const after = b.scenarios.find(({ name }) => name === before.name);
    if (!after) return element('section.scenario', heading(before), element('p.outcome', 'only in run A'));
    const both = [
      { name: 'A', scenario: before },
      { name: 'B', scenario: after },
    ];
    const plots = element('div.plots');
    if (both.some(({ scenario }) => scenario.latencies.some(({ count }) => count >= 10)))
      plots.append(percentilePlot(both));
    for (const { name, scenario } of both) {
      const main = scenario.latencies[0];
      if (main && main.count >= 10) plots.append(latencyPlot(main, name));
      if (scenario.rates.length > 0) plots.append(ratePlot(scenario, scenario.rates, name));
    }
    return element(
      'section.scenario',
      element('header', element('h2', before.title), verdict(before.passed), verdict(after.passed)),
      element('p.outcome', `A: ${before.outcome}`),
      element('p.outcome', `B: ${after.outcome}`),
      latencyTable(both),
      plots,
    );
  });
  return [
    runHeader(a, 'Run A'),
    tiles(a),
    runHeader(b, 'Run B'),
    tiles(b),
    ...sections,
    circumstances(a, 'run A'),
    circumstances(b, 'run B'),
  ];
}

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
