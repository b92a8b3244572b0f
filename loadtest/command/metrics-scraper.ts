import type { WorkerMetric } from '../report/run-report';
import { parsePrometheus } from './prometheus-text';

const EVERY_MS = 1000;
const SHOWN = 9;
/** Drawn first. */
const INTERESTING = /sockets|event_?loop|cpu|resident|requests|messages|rooms|bytes/;

/** Reads `/metrics` once a second, and keeps what is told of each worker (label `worker`, and `pod` where there are several). */
export class MetricsScraper {
  readonly #begun = Date.now();
  readonly #seconds: number[] = [];
  /** Metric, then worker, then values beside `#seconds`. */
  readonly #values = new Map<string, { counter: boolean; workers: Map<string, (number | null)[]> }>();
  readonly #timer: NodeJS.Timeout;
  #busy = false;
  #error: string | undefined;

  constructor(private readonly urls: string[]) {
    this.#timer = setInterval(() => void this.#scrape(), EVERY_MS);
  }

  /** Why the last attempt failed, if it did. */
  get error(): string | undefined {
    return this.#error;
  }

  stop(): WorkerMetric[] {
    clearInterval(this.#timer);
    const metrics: WorkerMetric[] = [];
    for (const [name, { counter, workers }] of this.#values) {
      const lines = [...workers].map(([label, values]) => {
        while (values.length < this.#seconds.length) values.push(null);
        return { label, values: counter ? rateOf(values) : values };
      });
      if (lines.every(({ values }) => new Set(values.filter((value) => value !== null)).size < 2)) continue;
      metrics.push({
        name,
        unit: counter ? 'per second' : 'value',
        seconds: this.#seconds,
        workers: lines.sort((a, b) => a.label.localeCompare(b.label)),
      });
    }
    const rank = ({ name }: WorkerMetric) => (INTERESTING.test(name) ? 0 : 1);
    return metrics.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)).slice(0, SHOWN);
  }

  async #scrape(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const texts = await Promise.all(
        this.urls.map(async (url) => {
          const response = await fetch(url, { signal: AbortSignal.timeout(5 * EVERY_MS) });
          if (!response.ok) throw new Error(`${url}: status ${response.status}`);
          return response.text();
        }),
      );
      this.#seconds.push(Math.round((Date.now() - this.#begun) / 1000));
      for (const text of texts) this.#take(text);
      this.#error = undefined;
    } catch (error) {
      this.#error = (error as Error).message;
    } finally {
      this.#busy = false;
    }
  }

  #take(text: string): void {
    const { types, samples } = parsePrometheus(text);
    const at = this.#seconds.length - 1;
    for (const { name, labels, value } of samples) {
      if (labels.worker === undefined || /_bucket$|_created$/.test(name) || labels.quantile !== undefined) continue;
      let metric = this.#values.get(name);
      if (!metric) {
        const counter = types.get(name) === 'counter' || /_(total|sum|count)$/.test(name);
        metric = { counter, workers: new Map() };
        this.#values.set(name, metric);
      }
      const label = labels.pod === undefined ? `worker ${labels.worker}` : `${labels.pod} worker ${labels.worker}`;
      let values = metric.workers.get(label);
      if (!values) {
        values = [];
        metric.workers.set(label, values);
      }
      while (values.length <= at) values.push(null);
      // Its other labels are summed up.
      values[at] = (values[at] ?? 0) + value;
    }
  }
}

function rateOf(values: (number | null)[]): (number | null)[] {
  return values.map((value, index) => {
    const before = values[index - 1];
    return index === 0 || value === null || before === null || before === undefined || value < before
      ? null
      : (value - before) / (EVERY_MS / 1000);
  });
}
