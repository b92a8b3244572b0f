import { describe, expect, it } from 'vitest';
import { parsePrometheus } from '../../loadtest/command/prometheus-text';
import type { MetricType } from '../../loadtest/runner/metric-kinds';
import { MetricStore } from '../../loadtest/runner/metric-store';
import { createSink, type SinkDelta } from '../../loadtest/runner/sinks';

/** Values as several processes would tell of them. */
function inParts(type: MetricType, parts: number[][]): SinkDelta[] {
  return parts.map((values) => {
    const sink = createSink(type);
    for (const value of values) sink.add(value);
    return sink.take() as SinkDelta;
  });
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('metrics merged from several processes', () => {
  it('percentiles are those of all samples, not an average of percentiles', () => {
    const store = new MetricStore({});
    store.define({ name: 'latency', type: 'trend', contains: 'time' });
    // One process has all the slow ones.
    for (const delta of inParts('trend', [upTo(900), upTo(100).map((value) => value + 900)]))
      store.merge('latency', delta);
    const trend = createSink('trend');
    for (const delta of inParts('trend', [upTo(900), upTo(100).map((value) => value + 900)])) trend.merge(delta);
    for (const [name, exact] of [
      ['med', 500],
      ['p(90)', 900],
      ['p(95)', 950],
      ['p(99)', 990],
      ['p(99.9)', 999],
    ] as const) {
      expect(Math.abs((trend.statistic(name, 1) as number) - exact) / exact).toBeLessThan(0.002);
    }
    expect(trend.statistic('avg', 1)).toBe(500.5);
    expect(trend.statistic('min', 1)).toBe(1);
    expect(trend.statistic('max', 1)).toBe(1000);
    expect(trend.statistic('count', 1)).toBe(1000);
    expect(store.summary(1).latency?.values).toMatchObject({ avg: 500.5, min: 1, max: 1000 });
  });

  it('counters and rates add up', () => {
    const counter = createSink('counter');
    for (const delta of inParts('counter', [[1, 2], [3]])) counter.merge(delta);
    expect(counter.statistic('count', 2)).toBe(6);
    expect(counter.statistic('rate', 2)).toBe(3);
    const rate = createSink('rate');
    for (const delta of inParts('rate', [
      [1, 0],
      [1, 1],
    ]))
      rate.merge(delta);
    expect(rate.statistic('rate', 1)).toBe(0.75);
    expect(rate.statistic('fails', 1)).toBe(1);
  });

  it('tells only what is new', () => {
    const sink = createSink('trend');
    sink.add(1);
    expect(sink.take()).toMatchObject({ count: 1 });
    expect(sink.take()).toBeUndefined();
  });
});

describe('thresholds', () => {
  function failing(thresholds: Record<string, unknown[]>): string[] {
    const store = new MetricStore({ thresholds });
    store.define({ name: 'lost', type: 'counter', contains: 'default' });
    store.define({ name: 'latency', type: 'trend', contains: 'time' });
    store.define({ name: 'good', type: 'rate', contains: 'default' });
    for (const delta of inParts('counter', [[2], [3]])) store.merge('lost', delta);
    for (const delta of inParts('trend', [upTo(100)])) store.merge('latency', delta);
    for (const delta of inParts('trend', [[7]])) store.merge('latency{route:GET /a}', delta);
    for (const delta of inParts('rate', [[1, 1, 0, 1]])) store.merge('good', delta);
    return store.failed(10).map(({ selector, threshold, actual }) => `${selector} ${threshold.source} ${actual}`);
  }

  it('hold or do not, by known answers', () => {
    expect(
      failing({
        lost: ['count==5', 'count>=5', 'count<6', 'rate==0.5', 'count!=4'],
        latency: ['p(95)<96', 'med<=50.1', 'max==100', 'avg==50.5', 'min>0'],
        'latency{route:GET /a}': ['max==7'],
        good: ['rate>0.7'],
      }),
    ).toEqual([]);
    expect(
      failing({ lost: ['count==0'], latency: ['max<100'], 'latency{route:GET /a}': ['min>7'], good: ['rate>0.75'] }),
    ).toEqual(['lost count==0 5', 'latency max<100 100', 'latency{route:GET /a} min>7 7', 'good rate>0.75 0.75']);
  });

  it('a metric that was never counted is zero: a guard with count>0 fails', () => {
    const store = new MetricStore({ thresholds: { seen: ['count>0', 'count==0'] } });
    store.define({ name: 'seen', type: 'counter', contains: 'default' });
    expect(store.failed(1).map(({ threshold }) => threshold.source)).toEqual(['count>0']);
  });

  it('are refused where they cannot be read, or name no metric', () => {
    expect(() => new MetricStore({ thresholds: { lost: ['nonsense'] } })).toThrow('cannot read "nonsense"');
    expect(() => failing({ lost: ['p(95)<1'] })).toThrow('it has no "p(95)"');
    expect(() => failing({ nobody: ['count==0'] })).toThrow('no such metric');
  });
});

describe('the text of /metrics', () => {
  it('is read with its labels', () => {
    const { types, samples } = parsePrometheus(
      '# HELP a_total x\n# TYPE a_total counter\na_total{worker="1",route="GET \\"/x\\""} 4\nb 1.5e3 1700000\nc NaN\nnonsense\n',
    );
    expect(types.get('a_total')).toBe('counter');
    expect(samples).toEqual([
      { name: 'a_total', labels: { worker: '1', route: 'GET "/x"' }, value: 4 },
      { name: 'b', labels: {}, value: 1500 },
    ]);
  });
});
