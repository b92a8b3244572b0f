import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { arrivalTimes } from '../../loadtest/runner/executors/arrival-times';
import type { ExecutorHost } from '../../loadtest/runner/executors/executor-host';
import { plannedVus } from '../../loadtest/runner/executors/planned-vus';
import { runExecutor } from '../../loadtest/runner/executors/run-executor';
import { planScenarios, type RawOptions, type ScenarioPlan } from '../../loadtest/runner/scenario-plan';

describe('when iterations begin', () => {
  it('is evenly spaced at a constant rate', () => {
    expect([...arrivalTimes(4, [{ durationMs: 1000, target: 4 }], 1000)]).toEqual([0, 250, 500, 750]);
    expect([...arrivalTimes(2, [{ durationMs: 120_000, target: 2 }], 60_000)]).toEqual([0, 30_000, 60_000, 90_000]);
  });

  it('follows the area under a rising rate', () => {
    // From 0 to 10 a second in 10 s: t²/2 iterations have begun after t seconds, 50 in all.
    const times = [...arrivalTimes(0, [{ durationMs: 10_000, target: 10 }], 1000)];
    expect(times).toHaveLength(50);
    expect(times[0]).toBe(0);
    expect(times[8]).toBeCloseTo(4000);
    expect(times[32]).toBeCloseTo(8000);
  });

  it('goes on over the stages, a silent one too', () => {
    const stages = [
      { durationMs: 1000, target: 2 },
      { durationMs: 0, target: 0 },
      { durationMs: 1000, target: 0 },
      { durationMs: 0, target: 2 },
      { durationMs: 1000, target: 2 },
    ];
    expect([...arrivalTimes(2, stages, 1000)]).toEqual([0, 500, 2000, 2500]);
  });
});

describe('how many virtual users are planned', () => {
  const stages = [
    { durationMs: 1000, target: 10 },
    { durationMs: 1000, target: 10 },
    { durationMs: 500, target: 0 },
  ];
  it('is a straight line through each stage', () => {
    expect([0, 500, 1000, 1999, 2250, 2500, 9999].map((at) => plannedVus(0, stages, at))).toEqual([
      0, 5, 10, 10, 5, 0, 0,
    ]);
  });
});

describe('the options of a script', () => {
  it('has a scenario of its own for the short forms', () => {
    expect(planScenarios({})).toMatchObject([
      { name: 'default', executor: 'shared-iterations', vus: 1, iterations: 1 },
    ]);
    expect(planScenarios({ vus: 3, duration: '1m30s' })).toMatchObject([
      { executor: 'constant-vus', durationMs: 90_000 },
    ]);
    expect(planScenarios({ vus: 3, iterations: 7 })).toMatchObject([{ executor: 'shared-iterations', iterations: 7 }]);
    expect(planScenarios({ stages: [{ duration: '5s', target: 9 }] })).toMatchObject([
      { executor: 'ramping-vus', startVus: 1, maxVus: 9, durationMs: 5000 },
    ]);
  });

  it('is refused with the scenario, the option and the value', () => {
    const scenario = (options: RawOptions) => () => planScenarios({ scenarios: { storm: options } });
    expect(scenario({ executor: 'constant-vus', vus: 1 })).toThrow('scenario "storm" needs duration');
    expect(scenario({ executor: 'constant-vus', vus: 'x', duration: '1s' })).toThrow(
      'scenario "storm", vus: give a number, not "x"',
    );
    expect(scenario({ executor: 'constant-vus', vus: 1, duration: '1 s' })).toThrow('"1 s" is no time');
    expect(scenario({ executor: 'externally-controlled' })).toThrow('no executor "externally-controlled"');
  });
});

describe('executors, by a clock that is set by hand', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Runs a scenario whose iterations take a fixed time, or as long as they are let. */
  async function run(options: RawOptions, iterationMs: number) {
    const [plan] = planScenarios({ scenarios: { it: options } }) as [ScenarioPlan];
    const begun = Date.now();
    const iterations: { vu: number; at: number; interrupted: boolean }[] = [];
    const ends = new Map<number, () => void>();
    let dropped = 0;
    const host: ExecutorHost = {
      iterate: (vu) =>
        new Promise((resolve) => {
          const iteration = { vu, at: Date.now() - begun, interrupted: false };
          iterations.push(iteration);
          const timer = setTimeout(resolve, iterationMs);
          ends.set(vu, () => {
            clearTimeout(timer);
            iteration.interrupted = true;
            resolve();
          });
        }),
      interrupt: (vu) => ends.get(vu)?.(),
      drop: () => {
        dropped += 1;
      },
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      elapsedMs: () => Date.now() - begun,
      aborted: false,
    };
    let over = 0;
    const done = runExecutor(plan, host).then(() => {
      over = Date.now() - begun;
    });
    await vi.advanceTimersByTimeAsync(120_000);
    await done;
    return { iterations, dropped, over };
  }

  it('per-vu-iterations: each virtual user the same number, one after the other', async () => {
    const { iterations, over } = await run({ executor: 'per-vu-iterations', vus: 3, iterations: 4 }, 100);
    expect(iterations).toHaveLength(12);
    for (const vu of [0, 1, 2]) expect(iterations.filter((each) => each.vu === vu)).toHaveLength(4);
    expect(over).toBe(400);
  });

  it('per-vu-iterations: none begins after maxDuration, and none outlives gracefulStop', async () => {
    const options = { executor: 'per-vu-iterations', vus: 1, iterations: 5, maxDuration: '1s', gracefulStop: '1s' };
    const { iterations, over } = await run(options, 700);
    expect(iterations.map(({ at }) => at)).toEqual([0, 700]);
    expect(over).toBe(1400);
    const stuck = await run(options, 1e6);
    expect(stuck.iterations).toMatchObject([{ interrupted: true }]);
    expect(stuck.over).toBe(2000);
  });

  it('shared-iterations: whoever is free takes the next', async () => {
    const { iterations, over } = await run({ executor: 'shared-iterations', vus: 3, iterations: 7 }, 100);
    expect(iterations).toHaveLength(7);
    expect(over).toBe(300);
  });

  it('constant-vus: again and again until the time is up', async () => {
    const { iterations, over } = await run({ executor: 'constant-vus', vus: 2, duration: '1s' }, 300);
    expect(iterations).toHaveLength(8);
    expect(over).toBe(1200);
  });

  it('ramping-vus: more, then fewer, those too many are ended', async () => {
    const options = {
      executor: 'ramping-vus',
      startVUs: 0,
      stages: [
        { duration: '2s', target: 4 },
        { duration: '2s', target: 0 },
      ],
      gracefulRampDown: '100ms',
      gracefulStop: '100ms',
    };
    const { iterations, over } = await run(options, 1e6);
    expect(iterations.map(({ vu }) => vu)).toEqual([0, 1, 2, 3]);
    expect(iterations.every(({ interrupted }) => interrupted)).toBe(true);
    // Number 0 is planned from 0.25 s on, number 3 from 1.75 s on; it is looked at every 50 ms.
    expect(iterations[0]?.at).toBeCloseTo(250, -2);
    expect(iterations[3]?.at).toBeCloseTo(1750, -2);
    expect(over).toBeLessThanOrEqual(4200);
  });

  it('constant-arrival-rate: the rate whatever an iteration takes, and no more virtual users than allowed', async () => {
    const options = { executor: 'constant-arrival-rate', rate: 10, duration: '2s', preAllocatedVUs: 1, maxVUs: 5 };
    const quick = await run(options, 300);
    expect(quick.iterations).toHaveLength(20);
    expect(quick.dropped).toBe(0);
    expect(new Set(quick.iterations.map(({ vu }) => vu)).size).toBe(3);
    const slow = await run(options, 1000);
    expect(slow.iterations).toHaveLength(10);
    expect(slow.dropped).toBe(10);
  });

  it('ramping-arrival-rate: the rate follows the stages', async () => {
    const options = {
      executor: 'ramping-arrival-rate',
      startRate: 0,
      stages: [{ duration: '10s', target: 10 }],
      preAllocatedVUs: 50,
    };
    const { iterations } = await run(options, 10);
    expect(iterations).toHaveLength(50);
    expect(iterations.filter(({ at }) => at < 5000)).toHaveLength(13);
  });
});
