import { parseDuration } from './duration';

export interface Stage {
  durationMs: number;
  target: number;
}

interface CommonPlan {
  name: string;
  /** Name of the exported function. */
  exec: string;
  startTimeMs: number;
  gracefulStopMs: number;
  env: Record<string, string>;
  tags: Record<string, string>;
  /** How many virtual users it can need at most. */
  maxVus: number;
  /** After which no iteration is begun any more. */
  durationMs: number;
}

export type ScenarioPlan = CommonPlan &
  (
    | { executor: 'per-vu-iterations' | 'shared-iterations'; vus: number; iterations: number }
    | { executor: 'constant-vus'; vus: number }
    | { executor: 'ramping-vus'; startVus: number; stages: Stage[]; gracefulRampDownMs: number }
    | {
        executor: 'constant-arrival-rate' | 'ramping-arrival-rate';
        startRate: number;
        stages: Stage[];
        timeUnitMs: number;
      }
  );

/** Options of a script as it exports them; only what is read here. */
export type RawOptions = Record<string, unknown>;

const DEFAULT_GRACEFUL_STOP = '30s';
const DEFAULT_MAX_DURATION = '10m';

/**
 * The scenarios of a script's options, the short forms (`vus`, `duration`, `iterations`, `stages`) included.
 * @throws Error naming the scenario, the option and the value
 */
export function planScenarios(options: RawOptions): ScenarioPlan[] {
  const scenarios = (options.scenarios ?? { default: shortForm(options) }) as Record<string, RawOptions>;
  return Object.entries(scenarios).map(([name, scenario]) => planScenario(name, scenario));
}

function shortForm(options: RawOptions): RawOptions {
  const { vus = 1, duration, iterations, stages } = options;
  if (stages) return { executor: 'ramping-vus', startVUs: vus, stages };
  if (duration && !iterations) return { executor: 'constant-vus', vus, duration };
  return {
    executor: 'shared-iterations',
    vus,
    iterations: iterations ?? 1,
    maxDuration: duration ?? DEFAULT_MAX_DURATION,
  };
}

function planScenario(name: string, options: RawOptions): ScenarioPlan {
  const time = (option: string, fallback?: string): number => {
    const value = options[option] ?? fallback;
    if (value === undefined) throw new Error(`scenario "${name}" needs ${option}`);
    return parseDuration(value as string | number, `scenario "${name}", ${option}`);
  };
  const count = (option: string, fallback?: number): number => {
    const value = options[option] ?? fallback;
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new Error(`scenario "${name}", ${option}: give a number, not ${JSON.stringify(value)}`);
    }
    return value;
  };
  const stages = (): Stage[] =>
    (options.stages as { duration: string; target: number }[]).map(({ duration, target }) => ({
      durationMs: parseDuration(duration, `scenario "${name}", stages`),
      target,
    }));

  const common = {
    name,
    exec: (options.exec as string) ?? 'default',
    startTimeMs: time('startTime', '0s'),
    gracefulStopMs: time('gracefulStop', DEFAULT_GRACEFUL_STOP),
    env: (options.env as Record<string, string>) ?? {},
    tags: (options.tags as Record<string, string>) ?? {},
  };
  const executor = options.executor as ScenarioPlan['executor'];
  switch (executor) {
    case 'per-vu-iterations':
    case 'shared-iterations': {
      const vus = count('vus', 1);
      const durationMs = time('maxDuration', DEFAULT_MAX_DURATION);
      return { ...common, executor, vus, iterations: count('iterations', 1), maxVus: vus, durationMs };
    }
    case 'constant-vus': {
      const vus = count('vus', 1);
      return { ...common, executor, vus, maxVus: vus, durationMs: time('duration') };
    }
    case 'ramping-vus': {
      const steps = stages();
      const startVus = count('startVUs', 1);
      return {
        ...common,
        executor,
        startVus,
        stages: steps,
        gracefulRampDownMs: time('gracefulRampDown', DEFAULT_GRACEFUL_STOP),
        maxVus: Math.max(startVus, ...steps.map(({ target }) => target)),
        durationMs: lengthOf(steps),
      };
    }
    case 'constant-arrival-rate': {
      const preAllocated = count('preAllocatedVUs');
      const rate = count('rate');
      const durationMs = time('duration');
      return {
        ...common,
        executor,
        startRate: rate,
        stages: [{ durationMs, target: rate }],
        timeUnitMs: time('timeUnit', '1s'),
        maxVus: count('maxVUs', preAllocated),
        durationMs,
      };
    }
    case 'ramping-arrival-rate': {
      const preAllocated = count('preAllocatedVUs');
      const steps = stages();
      return {
        ...common,
        executor,
        startRate: count('startRate', 0),
        stages: steps,
        timeUnitMs: time('timeUnit', '1s'),
        maxVus: count('maxVUs', preAllocated),
        durationMs: lengthOf(steps),
      };
    }
    default:
      throw new Error(`scenario "${name}": this runner has no executor "${String(options.executor)}"`);
  }
}

function lengthOf(stages: Stage[]): number {
  return stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
}
