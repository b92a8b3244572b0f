import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import type { MetricType } from './metric-kinds';

/** Values are kept as whole thousandths: microseconds where a metric is in milliseconds. */
const SCALE = 1000;

/** What a driver process has counted since it last told: small enough to send every second. */
export type SinkDelta =
  | { type: 'counter'; count: number }
  | { type: 'gauge'; value: number; min: number; max: number }
  | { type: 'rate'; passes: number; total: number }
  | { type: 'trend'; count: number; sum: number; min: number; max: number; histogram: string };

/** Takes the values of one metric, or of one of its parts by tag. */
export interface Sink {
  add(value: number): void;
  merge(delta: SinkDelta): void;
  /** What came since the last call; undefined where nothing did. */
  take(): SinkDelta | undefined;
  /**
   * A statistic by the name that thresholds and summaries use: `count`, `rate`, `value`, `avg`, `min`, `max`, `med`, `p(95)`.
   * @param seconds length of the run, for the rate of a counter
   */
  statistic(name: string, seconds: number): number | undefined;
}

export function createSink(type: MetricType): Sink {
  switch (type) {
    case 'counter':
      return new CounterSink();
    case 'gauge':
      return new GaugeSink();
    case 'rate':
      return new RateSink();
    case 'trend':
      return new TrendSink();
  }
}

class CounterSink implements Sink {
  #count = 0;
  #touched = false;

  add(value: number): void {
    this.#count += value;
    this.#touched = true;
  }

  merge(delta: SinkDelta): void {
    if (delta.type === 'counter') this.#count += delta.count;
  }

  take(): SinkDelta | undefined {
    if (!this.#touched) return undefined;
    const delta: SinkDelta = { type: 'counter', count: this.#count };
    this.#count = 0;
    this.#touched = false;
    return delta;
  }

  statistic(name: string, seconds: number): number | undefined {
    if (name === 'count') return this.#count;
    if (name === 'rate') return seconds > 0 ? this.#count / seconds : 0;
    return undefined;
  }
}

class GaugeSink implements Sink {
  #value: number | undefined;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#value = value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  merge(delta: SinkDelta): void {
    if (delta.type !== 'gauge') return;
    this.#value = delta.value;
    this.#min = Math.min(this.#min, delta.min);
    this.#max = Math.max(this.#max, delta.max);
  }

  take(): SinkDelta | undefined {
    if (this.#value === undefined) return undefined;
    const delta: SinkDelta = { type: 'gauge', value: this.#value, min: this.#min, max: this.#max };
    this.#value = undefined;
    return delta;
  }

  statistic(name: string): number | undefined {
    if (this.#value === undefined) return name === 'value' || name === 'min' || name === 'max' ? 0 : undefined;
    return { value: this.#value, min: this.#min, max: this.#max }[name];
  }
}

class RateSink implements Sink {
  #passes = 0;
  #total = 0;

  add(value: number): void {
    this.#total += 1;
    if (value !== 0) this.#passes += 1;
  }

  merge(delta: SinkDelta): void {
    if (delta.type !== 'rate') return;
    this.#passes += delta.passes;
    this.#total += delta.total;
  }

  take(): SinkDelta | undefined {
    if (this.#total === 0) return undefined;
    const delta: SinkDelta = { type: 'rate', passes: this.#passes, total: this.#total };
    this.#passes = 0;
    this.#total = 0;
    return delta;
  }

  statistic(name: string): number | undefined {
    if (name === 'rate') return this.#total === 0 ? 0 : this.#passes / this.#total;
    return { passes: this.#passes, fails: this.#total - this.#passes }[name];
  }
}

/** Average, least and greatest are exact; percentiles come from a histogram with three significant digits. */
class TrendSink implements Sink {
  #histogram: Histogram = newHistogram();
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  add(value: number): void {
    this.#histogram.recordValue(Math.max(0, Math.round(value * SCALE)));
    this.#count += 1;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  merge(delta: SinkDelta): void {
    if (delta.type !== 'trend') return;
    this.#histogram.add(decodeFromCompressedBase64(delta.histogram));
    this.#count += delta.count;
    this.#sum += delta.sum;
    this.#min = Math.min(this.#min, delta.min);
    this.#max = Math.max(this.#max, delta.max);
  }

  take(): SinkDelta | undefined {
    if (this.#count === 0) return undefined;
    const delta: SinkDelta = {
      type: 'trend',
      count: this.#count,
      sum: this.#sum,
      min: this.#min,
      max: this.#max,
      histogram: encodeIntoCompressedBase64(this.#histogram),
    };
    this.#histogram.reset();
    this.#count = 0;
    this.#sum = 0;
    this.#min = Number.POSITIVE_INFINITY;
    this.#max = Number.NEGATIVE_INFINITY;
    return delta;
  }

  statistic(name: string): number | undefined {
    if (name === 'count') return this.#count;
    const percentile = name === 'med' ? 50 : Number(/^p\(([\d.]+)\)$/.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(percentile) && !['avg', 'min', 'max'].includes(name)) return undefined;
    if (this.#count === 0) return 0;
    if (name === 'avg') return this.#sum / this.#count;
    if (name === 'min') return this.#min;
    if (name === 'max') return this.#max;
    return Math.min(this.#max, this.#histogram.getValueAtPercentile(percentile) / SCALE);
  }
}

function newHistogram(): Histogram {
  return build({ bitBucketSize: 32, autoResize: true, lowestDiscernibleValue: 1, numberOfSignificantValueDigits: 3 });
}
