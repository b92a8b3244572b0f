import type { WorkerMetric } from '../report/run-report';
import { parsePrometheus } from './prometheus-text';

const EVERY_MS = 1000;
const SHOWN = 9;
/** Drawn in this order; then all others. */
const INTERESTING = [
  /connections|sockets/,
  /virtual_requests.*(total|count)$/,
  /messages_total$/,
  /event_loop/,
  /cpu/,
  /memory|resident/,
  /rooms/,
];

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
        return { label, values: counter ? rateOf(values, this.#seconds) : values };
      });
      if (lines.every(({ values }) => new Set(values.filter((value) => value !== null)).size < 2)) continue;
      metrics.push({
        name,
        unit: counter ? 'per second' : 'value',
        seconds: this.#seconds,
        workers: lines.sort((a, b) => a.label.localeCompare(b.label)),
      });
    }
    const rank = ({ name }: WorkerMetric) => {
      const place = INTERESTING.findIndex((pattern) => pattern.test(name));
      return place < 0 ? INTERESTING.length : place;
    };
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
      this.#seconds.push(Math.round((Date.now() - this.#begun) / 100) / 10);
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
      const worker = /^\d+$/.test(labels.worker) ? `worker ${labels.worker}` : labels.worker;
      const label = labels.pod === undefined ? worker : `${labels.pod} ${worker}`;
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

function rateOf(values: (number | null)[], seconds: number[]): (number | null)[] {
  return values.map((value, index) => {
    const before = values[index - 1];
    const elapsed = (seconds[index] ?? 0) - (seconds[index - 1] ?? 0);
    // A counter that went back belongs to a worker that was started anew.
    if (value === null || before === null || before === undefined || value < before || elapsed <= 0) return null;
    return Math.round((1000 * (value - before)) / elapsed) / 1000;
  });
}
