import { AggregatorRegistry, Registry } from 'prom-client';
import type { MetricReading } from './declarations';

/** The media type of {@link expose}. */
export const EXPOSITION_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** What one worker answered. */
export interface WorkerReadings {
  /** The value of the label `worker`. */
  place: number;
  readings: MetricReading[];
}

/**
 * Writes the readings of a primary and its workers in Prometheus' text format. Each worker's series get the label `worker`;
 * none is summed up: that is the query's job.
 */
export function expose(primary: MetricReading[], workers: WorkerReadings[]): Promise<string> {
  const labelled = workers.map(({ place, readings }) => readings.map((reading) => withWorker(reading, String(place))));
  return AggregatorRegistry.aggregate([primary, ...labelled]).metrics();
}

function withWorker(reading: MetricReading, worker: string): MetricReading {
  return { ...reading, values: reading.values.map((value) => ({ ...value, labels: { worker, ...value.labels } })) };
}
