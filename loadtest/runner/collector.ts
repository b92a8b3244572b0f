import type { MetricDefinition } from './metric-kinds';
import { createSink, type Sink, type SinkDelta } from './sinks';
import { matches, parseSelector, type Tags } from './tag-filter';

/** Where sample lines go, if anywhere. */
export interface LineWriter {
  write(line: string): void;
}

/** Takes the samples of one driver process: writes each as a line, and sums them up for the coordinator. */
export class Collector {
  readonly #definitions = new Map<string, MetricDefinition>();
  readonly #sinks = new Map<string, Sink>();
  readonly #partsOfMetric = new Map<string, { selector: string; tags: Tags }[]>();
  readonly #lines: LineWriter | undefined;
  #fresh: MetricDefinition[] = [];

  /** @param parts selectors with tags that need a sum of their own */
  constructor(parts: string[], lines: LineWriter | undefined) {
    this.#lines = lines;
    for (const selector of parts) {
      const { metric, tags } = parseSelector(selector);
      const list = this.#partsOfMetric.get(metric) ?? [];
      list.push({ selector, tags });
      this.#partsOfMetric.set(metric, list);
    }
  }

  /** @throws Error where the name is taken by a metric of another type */
  define(definition: MetricDefinition): void {
    const known = this.#definitions.get(definition.name);
    if (known && known.type !== definition.type) {
      throw new Error(`metric "${definition.name}" is a ${known.type}, it cannot be a ${definition.type} as well`);
    }
    if (known) return;
    this.#definitions.set(definition.name, definition);
    this.#fresh.push(definition);
  }

  add(definition: MetricDefinition, value: number, tags: Tags): void {
    const { name, type } = definition;
    this.#sink(name, definition).add(value);
    for (const part of this.#partsOfMetric.get(name) ?? []) {
      if (matches(part.tags, tags)) this.#sink(part.selector, definition).add(value);
    }
    if (!this.#lines) return;
    const data = { time: new Date().toISOString(), value: type === 'rate' ? Number(value !== 0) : value, tags };
    this.#lines.write(JSON.stringify({ metric: name, type: 'Point', data }));
  }

  /** What came since the last call. */
  take(): { definitions: MetricDefinition[]; deltas: [string, SinkDelta][] } {
    const deltas: [string, SinkDelta][] = [];
    for (const [selector, sink] of this.#sinks) {
      const delta = sink.take();
      if (delta) deltas.push([selector, delta]);
    }
    const definitions = this.#fresh;
    this.#fresh = [];
    return { definitions, deltas };
  }

  #sink(selector: string, definition: MetricDefinition): Sink {
    let sink = this.#sinks.get(selector);
    if (!sink) {
      sink = createSink(definition.type);
      this.#sinks.set(selector, sink);
    }
    return sink;
  }
}
