import type { MetricDefinition } from './metric-kinds';
import type { RawOptions } from './scenario-plan';
import type { SinkDelta } from './sinks';
import type { Tags } from './tag-filter';

export interface ScenarioFacts {
  name: string;
  executor: string;
  startTime: number;
}

/** One run of an exported function by one virtual user. */
export interface IterationOrder {
  /** Number of the order, given back when it is over. */
  id: number;
  vu: number;
  exec: string;
  scenario: ScenarioFacts;
  iterationInTest: number;
  iterationInScenario: number;
  env: Record<string, string>;
  tags: Tags;
}

export interface CheckCount {
  name: string;
  path: string;
  passes: number;
  fails: number;
}

/** From the coordinator to a driver process. */
export type DriverOrder =
  | { kind: 'load'; bundle: string; scriptName: string; parts: string[]; linesFile?: string }
  | { kind: 'setup' }
  | { kind: 'data'; data: unknown }
  | { kind: 'iterate'; order: IterationOrder }
  | { kind: 'interrupt'; vu: number }
  | { kind: 'teardown' }
  | { kind: 'summarise'; data: unknown }
  | { kind: 'finish' };

/** From a driver process to the coordinator. */
export type DriverReport =
  | { kind: 'loaded'; options: RawOptions; exports: string[]; definitions: MetricDefinition[] }
  | { kind: 'load-failed'; error: string }
  | { kind: 'setup-done'; data?: unknown; error?: string }
  | { kind: 'iteration-done'; id: number; interrupted: boolean; error?: string }
  | { kind: 'teardown-done'; error?: string }
  | { kind: 'summary'; files?: Record<string, string>; error?: string }
  | { kind: 'samples'; definitions: MetricDefinition[]; deltas: [string, SinkDelta][]; peakSockets: number }
  | { kind: 'checks'; checks: CheckCount[] }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; text: string }
  | { kind: 'fail'; message: string }
  | { kind: 'abort'; message: string }
  | { kind: 'finished' };
