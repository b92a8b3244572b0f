import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { EventLoopWatch } from '../../dist/metrics/event-loop';
import { declareFrontDoorMetrics } from '../../dist/metrics/front-door-metrics';
import { HookMetrics } from '../../dist/metrics/hook-metrics';
import { createPodRegistry } from '../../dist/metrics/pod-metrics';
import { declareProcessMetrics } from '../../dist/metrics/process-metrics';
import { only, renderCi } from './support/chart';
import { ROOT } from './support/tools';

const unread = () => {
  throw new Error('declaring a metric reads nothing');
};

/** The labels of every metric that src/metrics declares. */
function declaredMetrics(): Map<string, string[]> {
  const eventLoop = new EventLoopWatch();
  const worker = new Registry();
  declareProcessMetrics(worker, eventLoop);
  declareFrontDoorMetrics(worker, unread);
  const registries = [createPodRegistry(unread, eventLoop), worker, new HookMetrics(unread).registry];
  eventLoop.close();
  return new Map(
    registries.flatMap((registry) =>
      registry.getMetricsAsArray().map((metric) => {
        const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
        return [name, labelNames] as const;
      }),
    ),
  );
}

const declared = declaredMetrics();
const FROM_PROMETHEUS = ['namespace', 'pod', 'instance', 'job', 'worker', 'le'];

const rule = only(renderCi('monitoring'), 'PrometheusRule').spec as {
  groups: { rules: { alert?: string; expr: string }[] }[];
};
const dashboard = only(renderCi('monitoring'), 'ConfigMap', 'demo-flotilla-dashboard').data as Record<string, string>;
const panels = JSON.parse(Object.values(dashboard)[0] as string) as {
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
  templating: { list: { query: string }[] };
};
const autoscaler = only(renderCi('autoscaling'), 'HorizontalPodAutoscaler').spec as {
  metrics: { pods?: { metric: { name: string } } }[];
};
const page = readFileSync(join(ROOT, 'docs/kubernetes.md'), 'utf8');

const QUERIES: [string, string[]][] = [
  ['alerts', rule.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr))],
  [
    'the dashboard',
    [
      ...panels.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
      ...panels.templating.list.map(({ query }) => query),
    ],
  ],
  ['the autoscaler', autoscaler.metrics.map(({ pods }) => pods?.metric.name ?? '')],
  ['docs/kubernetes.md', [page]],
];

describe.each(QUERIES)('%s', (_name, queries) => {
  const names = [...new Set(queries.flatMap((query) => query.match(/\bflotilla_[a-z_]+/g) ?? []))].filter(
    (name) => name !== 'flotilla_',
  );

  it('asks only for metrics that src/metrics declares', () => {
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !declared.has(name.replace(/_(bucket|count|sum)$/, '')))).toEqual([]);
  });

  it('asks only for labels that they have', () => {
    for (const query of queries) {
      for (const [, name = '', matchers = ''] of query.matchAll(/\b(flotilla_[a-z_]+)\{([^}]*)\}/g)) {
        const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label as string);
        const known = [...(declared.get(name.replace(/_(bucket|count|sum)$/, '')) ?? []), ...FROM_PROMETHEUS];
        expect(labels.filter((label) => !known.includes(label))).toEqual([]);
      }
    }
  });
});

it('panels and alerts have names of their own', () => {
  const titles = panels.panels.map(({ title }) => title);
  const alerts = rule.groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
  expect(new Set(titles).size).toBe(titles.length);
  expect(new Set(alerts).size).toBe(alerts.length);
  expect(panels.title).toBe('Flotilla: demo-flotilla');
});
