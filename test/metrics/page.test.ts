import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { EventLoopWatch } from '../../dist/metrics/event-loop';
import { declareFrontDoorMetrics } from '../../dist/metrics/front-door-metrics';
import { HookMetrics } from '../../dist/metrics/hook-metrics';
import { createPodRegistry } from '../../dist/metrics/pod-metrics';
import { declareProcessMetrics } from '../../dist/metrics/process-metrics';

interface Declared {
  type: string;
  labels: string;
}

const unread = () => {
  throw new Error('declaring a metric reads nothing');
};

/** The labels as the page writes them; `worker` is everywhere, so only those that set it themselves have it. */
function declaredIn(registries: Registry[]): Map<string, Declared> {
  const declared = new Map<string, Declared>();
  for (const registry of registries) {
    for (const metric of registry.getMetricsAsArray()) {
      const { name, type, labelNames } = metric as unknown as { name: string; type: string; labelNames: string[] };
      declared.set(name, { type, labels: labelNames.map((label) => `\`${label}\``).join(', ') });
    }
  }
  return declared;
}

describe('docs/metrics.md', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'metrics.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(flotilla_\w+)` \| (\w+) \| ([^|]*?) ?\| ([^|]+) \|/gm)].map(
    ([, name, type, labels]) => ({ name: name as string, type: type as string, labels: (labels as string).trim() }),
  );
  const eventLoop = new EventLoopWatch();
  const worker = new Registry();
  declareProcessMetrics(worker, eventLoop);
  declareFrontDoorMetrics(worker, unread);
  const hook = new HookMetrics(unread).registry;
  const declared = declaredIn([createPodRegistry(unread, eventLoop), worker, hook]);
  eventLoop.close();

  it('has a row for each metric, with its type and labels', () => {
    expect(declared.size).toBeGreaterThan(40);
    for (const [name, { type, labels }] of declared) {
      expect(rows.find((row) => row.name === name)).toEqual({ name, type, labels });
    }
  });

  it('has no row for one that is gone, and none twice', () => {
    expect(rows.map(({ name }) => name).filter((name) => !declared.has(name))).toEqual([]);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });

  it('queries only what there is', () => {
    const [, queries = ''] = page.split('## Queries to begin with');
    for (const [, name = ''] of queries.matchAll(/(flotilla_\w+)/g)) {
      expect(declared.has(name.replace(/_(count|bucket)$/, ''))).toBe(true);
    }
  });
});
