import { parseDuration } from './duration';
import { BUILT_IN_METRICS, type MetricDefinition } from './metric-kinds';
import type { RawOptions } from './scenario-plan';
import { createSink, type Sink, type SinkDelta } from './sinks';
import { parseSelector } from './tag-filter';
import { holds, parseThreshold, type Threshold } from './thresholds';

export interface MetricSummary {
  type: string;
  contains: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

const DEFAULT_TREND_STATS = ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)'];

/** All metrics of a run, merged from its driver processes, with their thresholds. */
export class MetricStore {
  readonly #definitions = new Map<string, MetricDefinition>();
  /** By selector: a metric's name, or the name with tags. */
  readonly #sinks = new Map<string, Sink>();
  readonly #thresholds = new Map<string, Threshold[]>();
  readonly #trendStats: string[];

  constructor(options: RawOptions) {
    this.#trendStats = (options.summaryTrendStats as string[]) ?? DEFAULT_TREND_STATS;
    for (const [selector, list] of Object.entries((options.thresholds ?? {}) as Record<string, never[]>)) {
      const thresholds = list.map((each) => parseThreshold(selector, each, (delay) => parseDuration(delay, selector)));
      this.#thresholds.set(selector, thresholds);
    }
    for (const definition of BUILT_IN_METRICS) this.define(definition);
  }

  /** Selectors with tags, for which drivers must keep a sink of their own. */
  get parts(): string[] {
    return [...this.#thresholds.keys()].filter((selector) => selector.includes('{'));
  }

  define(definition: MetricDefinition): void {
    this.#definitions.set(definition.name, definition);
  }

  get definitions(): MetricDefinition[] {
    return [...this.#definitions.values()];
  }

  merge(selector: string, delta: SinkDelta): void {
    this.#sink(selector)?.merge(delta);
  }

  /**
   * @returns the selectors with their thresholds that do not hold
   * @throws Error where a threshold names a metric that no script makes
   */
  failed(seconds: number): { selector: string; threshold: Threshold; actual: number }[] {
    const failed: { selector: string; threshold: Threshold; actual: number }[] = [];
    for (const [selector, thresholds] of this.#thresholds) {
      const sink = this.#sink(selector);
      if (!sink) throw new Error(`there is a threshold of "${selector}", but no such metric`);
      for (const threshold of thresholds) {
        if (holds(threshold, selector, sink, seconds)) continue;
        failed.push({ selector, threshold, actual: sink.statistic(threshold.statistic, seconds) as number });
      }
    }
    return failed;
  }

  thresholdsOf(metric: string): string[] {
    return (this.#thresholds.get(metric) ?? []).map(({ source }) => source);
  }

  summary(seconds: number): Record<string, MetricSummary> {
    const failed = this.failed(seconds);
    const summary: Record<string, MetricSummary> = {};
    for (const selector of [...this.#sinks.keys()].sort()) {
      const definition = this.#definitions.get(parseSelector(selector).metric) as MetricDefinition;
      const sink = this.#sinks.get(selector) as Sink;
      const names = {
        counter: ['count', 'rate'],
        gauge: ['value', 'min', 'max'],
        rate: ['rate', 'passes', 'fails'],
        trend: this.#trendStats,
      }[definition.type];
      const entry: MetricSummary = {
        type: definition.type,
        contains: definition.contains,
        values: Object.fromEntries(names.map((name) => [name, sink.statistic(name, seconds) ?? 0])),
      };
      const thresholds = this.#thresholds.get(selector);
      if (thresholds) {
        entry.thresholds = {};
        for (const { source } of thresholds) {
          const ok = !failed.some((each) => each.selector === selector && each.threshold.source === source);
          entry.thresholds[source] = { ok };
        }
      }
      summary[selector] = entry;
    }
    return summary;
  }

  #sink(selector: string): Sink | undefined {
    const known = this.#sinks.get(selector);
    if (known) return known;
    const definition = this.#definitions.get(parseSelector(selector).metric);
    if (!definition) return undefined;
    const sink = createSink(definition.type);
    this.#sinks.set(selector, sink);
    return sink;
  }
}
