import { getHeapStatistics } from 'node:v8';
import type { Registry } from 'prom-client';
import { Declarations } from './declarations';
import { type EventLoopWatch, eventLoopActiveSeconds } from './event-loop';

/** Declares what any process of a pod tells of itself. */
export function declareProcessMetrics(registry: Registry, eventLoop: EventLoopWatch): void {
  const metrics = new Declarations(registry);
  metrics.gauge(
    'flotilla_event_loop_delay_seconds',
    'How late timers were in the last ten seconds.',
    ['quantile'],
    (report) => {
      const { p50Ms, p99Ms, maxMs } = eventLoop.delay;
      report(p50Ms / 1_000, { quantile: '0.5' });
      report(p99Ms / 1_000, { quantile: '0.99' });
      report(maxMs / 1_000, { quantile: '1' });
    },
  );
  metrics.counter('flotilla_event_loop_active_seconds_total', 'Time that the event loop was busy.', [], (report) =>
    report(eventLoopActiveSeconds()),
  );
  metrics.counter('flotilla_process_cpu_seconds_total', 'CPU time of the process, by mode.', ['mode'], (report) => {
    const { user, system } = process.cpuUsage();
    report(user / 1e6, { mode: 'user' });
    report(system / 1e6, { mode: 'system' });
  });
  metrics.gauge(
    'flotilla_process_memory_bytes',
    'Memory of the process: resident, heap in use, outside the heap.',
    ['kind'],
    (report) => {
      const { rss, heapUsed, external } = process.memoryUsage();
      report(rss, { kind: 'resident' });
      report(heapUsed, { kind: 'heap' });
      report(external, { kind: 'external' });
    },
  );
  metrics.gauge('flotilla_process_heap_limit_bytes', 'The size at which the heap is full.', [], (report) =>
    report(getHeapStatistics().heap_size_limit),
  );
}
