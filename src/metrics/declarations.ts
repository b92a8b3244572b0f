import { Counter, Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';

/** A metric with its values, as plain data: what a worker sends to its primary. */
export type MetricReading = MetricObjectWithValues<MetricValue<string>>;

/** Values of a metric's labels. */
export type Labels = Record<string, string | number>;

/** Reports one value of a metric while it is read. */
export type Report = (value: number, labels?: Labels) => void;

/**
 * Declares metrics that are read when the registry is: what they tell is counted elsewhere, so that counting costs an
 * addition and reading twice counts nothing twice.
 */
export class Declarations {
  constructor(private readonly registry: Registry) {}

  /** A number that only grows. */
  counter(name: string, help: string, labelNames: string[], read: (report: Report) => void): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        clear(this);
        read((value, labels) => this.inc(labels ?? {}, value));
      },
    });
  }

  /** A number that goes up and down. */
  gauge(name: string, help: string, labelNames: string[], read: (report: Report) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        clear(this);
        read((value, labels) => this.set(labels ?? {}, value));
      },
    });
  }
}

/** Without values; `reset()` alone would leave a metric without labels at 0, as if there were something to tell. */
function clear(metric: Counter | Gauge): void {
  metric.reset();
  metric.remove({});
}
