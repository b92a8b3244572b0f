/** Everything about one `make loadtest`: what `summary.json` holds, and what the page is drawn from. */
export interface RunReport {
  /** Version of this form; a reader refuses another one. */
  format: 1;
  startedAt: string;
  durationMs: number;
  passed: boolean;
  engine: { name: string; version: string };
  target: { url: string; description: string };
  machine: {
    cpus: number;
    cpuModel: string;
    memoryGiB: number;
    system: string;
    node: string;
    openFiles: string;
    /** Load average of the minute before: what else kept the machine busy. */
    loadBefore: number;
  };
  /** Settings that were given; all others had their defaults. */
  settings: Record<string, string>;
  scenarios: ScenarioReport[];
  processes: ProcessSeries[];
  /** Of the app's `/metrics`, where it was scraped. */
  workerMetrics: WorkerMetric[];
}

export interface ScenarioReport {
  name: string;
  title: string;
  passed: boolean;
  exitCode: number;
  startedAt: string;
  durationMs: number;
  /** What it did, in a few words, e.g. `100 sockets, 20,000 of 20,000 deliveries`. */
  outcome: string;
  thresholds: { metric: string; source: string; ok: boolean; actual: string }[];
  /** Why it failed, in the words of the script. */
  complaints: string[];
  metrics: Record<string, { type: string; contains: string; values: Record<string, number> }>;
  latencies: LatencySeries[];
  /** Per second, beside `seconds`. */
  rates: { label: string; perSecond: number[] }[];
  /** Seconds since the scenario began, of `rates`. */
  seconds: number[];
}

export interface LatencySeries {
  /** E.g. `broadcast_latency`, or `virtual_request_latency GET /api/whoami`. */
  label: string;
  count: number;
  seconds: number[];
  p50: (number | null)[];
  p95: (number | null)[];
  p99: (number | null)[];
  /** Of the whole run: percentile from 0 to 100, milliseconds. */
  percentiles: [number, number][];
}

/** CPU and memory of one process of the app. */
export interface ProcessSeries {
  label: string;
  /** Seconds since the run began. */
  seconds: number[];
  cpuPercent: number[];
  memoryMiB: number[];
}

export interface WorkerMetric {
  name: string;
  unit: 'value' | 'per second';
  seconds: number[];
  workers: { label: string; values: (number | null)[] }[];
}
