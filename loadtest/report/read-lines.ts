import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { LatencySeries, ScenarioReport } from './run-report';

const LATENCIES = [
  'broadcast_latency',
  'broadcast_round_trip',
  'virtual_request_latency',
  'time_to_connect',
  'reconnect_gap',
];

/** Metrics drawn as a rate: a counter's sum, or how many samples a latency got, in each second. */
const RATES: { metric: string; label: string; count: 'sum' | 'samples' }[] = [
  { metric: 'broadcast_latency', label: 'deliveries', count: 'samples' },
  { metric: 'messages_sent', label: 'messages sent', count: 'sum' },
  { metric: 'virtual_requests_answered', label: 'requests answered', count: 'sum' },
  { metric: 'connects', label: 'connects', count: 'sum' },
  { metric: 'reconnects', label: 'reconnects', count: 'sum' },
  { metric: 'sessions_shared', label: 'sessions shared', count: 'sum' },
];

const PERCENTILES = [
  0, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.9, 99.95, 99.99, 100,
];

/** The `Point` lines that k6 writes with `--out json`, as far as they are used. */
interface Line {
  metric: string;
  type: 'Metric' | 'Point';
  data: { time: string; value: number; tags?: Record<string, string> };
}

type Series = Pick<ScenarioReport, 'latencies' | 'rates' | 'seconds'>;

/** Reads sample lines and sorts them into seconds. */
export async function readSeries(file: string): Promise<Series> {
  const latencies = new Map<string, Map<number, number[]>>();
  const rates = new Map<string, Map<number, number>>();
  let first = Number.POSITIVE_INFINITY;
  let last = 0;

  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    // Cheaper than to parse what is of no use here: most lines are.
    if (!text.includes('"Point"')) continue;
    const metric = /"metric":"([^"]+)"/.exec(text)?.[1] ?? '';
    const rate = RATES.find((each) => each.metric === metric);
    const isLatency = LATENCIES.includes(metric);
    if (!rate && !isLatency) continue;

    const { data } = JSON.parse(text) as Line;
    const second = Math.floor(Date.parse(data.time) / 1000);
    first = Math.min(first, second);
    last = Math.max(last, second);
    if (isLatency) {
      const label = data.tags?.route ? `${metric} ${data.tags.route}` : metric;
      const seconds = entry(latencies, label, () => new Map<number, number[]>());
      entry(seconds, second, () => []).push(data.value);
    }
    if (rate) {
      const seconds = entry(rates, rate.label, () => new Map<number, number>());
      seconds.set(second, (seconds.get(second) ?? 0) + (rate.count === 'sum' ? data.value : 1));
    }
  }
  if (last === 0) return { latencies: [], rates: [], seconds: [] };

  const seconds = Array.from({ length: last - first + 1 }, (_, index) => index);
  return {
    seconds,
    rates: [...rates].map(([label, values]) => ({
      label,
      perSecond: seconds.map((second) => values.get(first + second) ?? 0),
    })),
    latencies: [...latencies].map(([label, values]) => latencySeries(label, values, first, seconds)).sort(byOrder),
  };
}

function latencySeries(label: string, values: Map<number, number[]>, first: number, seconds: number[]): LatencySeries {
  const sorted = new Map([...values].map(([second, list]) => [second, list.sort((a, b) => a - b)]));
  const all = [...sorted.values()].flat().sort((a, b) => a - b);
  const line = (percent: number) =>
    seconds.map((second) => {
      const list = sorted.get(first + second);
      return list ? percentile(list, percent) : null;
    });
  return {
    label,
    count: all.length,
    seconds,
    p50: line(50),
    p95: line(95),
    p99: line(99),
    percentiles: PERCENTILES.map((percent) => [percent, percentile(all, percent)]),
  };
}

/** Nearest rank, of a sorted list. */
function percentile(sorted: number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] as number;
}

function byOrder(a: LatencySeries, b: LatencySeries): number {
  const place = ({ label }: LatencySeries) => LATENCIES.indexOf(label.split(' ')[0] as string);
  return place(a) - place(b) || a.label.localeCompare(b.label);
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
