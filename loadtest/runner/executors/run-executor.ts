import type { ScenarioPlan } from '../scenario-plan';
import { arrivalTimes } from './arrival-times';
import type { ExecutorHost } from './executor-host';
import { plannedVus } from './planned-vus';

const RAMP_CHECK_MS = 50;

/** Runs a scenario from its start; settles when its last iteration is over, interrupted ones included. */
export async function runExecutor(plan: ScenarioPlan, host: ExecutorHost): Promise<void> {
  const limit = setTimeout(() => {
    for (let vu = 0; vu < plan.maxVus; vu += 1) host.interrupt(vu);
  }, plan.durationMs + plan.gracefulStopMs);
  try {
    await iterate(plan, host);
  } finally {
    clearTimeout(limit);
  }
}

function iterate(plan: ScenarioPlan, host: ExecutorHost): Promise<unknown> {
  const ended = () => host.aborted || host.elapsedMs() >= plan.durationMs;
  switch (plan.executor) {
    case 'per-vu-iterations':
      return everyVu(plan.vus, async (vu) => {
        for (let turn = 0; turn < plan.iterations && !ended(); turn += 1) await host.iterate(vu);
      });
    case 'shared-iterations': {
      let left = plan.iterations;
      return everyVu(plan.vus, async (vu) => {
        while (left > 0 && !ended()) {
          left -= 1;
          await host.iterate(vu);
        }
      });
    }
    case 'constant-vus':
      return everyVu(plan.vus, async (vu) => {
        while (!ended()) await host.iterate(vu);
      });
    case 'ramping-vus':
      return rampVus(plan, host, ended);
    case 'constant-arrival-rate':
    case 'ramping-arrival-rate':
      return arrive(plan, host, ended);
  }
}

function everyVu(vus: number, loop: (vu: number) => Promise<void>): Promise<unknown> {
  return Promise.all(Array.from({ length: vus }, (_, vu) => loop(vu)));
}

async function rampVus(
  plan: Extract<ScenarioPlan, { executor: 'ramping-vus' }>,
  host: ExecutorHost,
  ended: () => boolean,
): Promise<void> {
  const wanted = () => (ended() ? 0 : plannedVus(plan.startVus, plan.stages, host.elapsedMs()));
  await everyVu(plan.maxVus, async (vu) => {
    while (!ended()) {
      if (vu >= wanted()) {
        await host.sleep(RAMP_CHECK_MS);
        continue;
      }
      let running = true;
      const iteration = host.iterate(vu).finally(() => {
        running = false;
      });
      await Promise.race([iteration, untilSurplus(vu)]);
      if (running && !ended()) {
        await Promise.race([iteration, host.sleep(plan.gracefulRampDownMs)]);
        if (running && vu >= wanted()) host.interrupt(vu);
      }
      await iteration;
    }
  });

  async function untilSurplus(vu: number): Promise<void> {
    while (vu < wanted()) await host.sleep(RAMP_CHECK_MS);
  }
}

async function arrive(
  plan: Extract<ScenarioPlan, { executor: 'constant-arrival-rate' | 'ramping-arrival-rate' }>,
  host: ExecutorHost,
  ended: () => boolean,
): Promise<void> {
  const idle: number[] = [];
  const running = new Set<Promise<void>>();
  let made = 0;
  for (const due of arrivalTimes(plan.startRate, plan.stages, plan.timeUnitMs)) {
    const untilDue = due - host.elapsedMs();
    if (untilDue > 0) await host.sleep(untilDue);
    if (ended()) break;
    const vu = idle.pop() ?? (made < plan.maxVus ? made++ : undefined);
    if (vu === undefined) {
      host.drop();
      continue;
    }
    const iteration = host.iterate(vu).then(() => {
      idle.push(vu);
      running.delete(iteration);
    });
    running.add(iteration);
  }
  await Promise.all(running);
}
