import type { Stage } from '../scenario-plan';

/** How many virtual users are to be active at a moment: a straight line through each stage, rounded. */
export function plannedVus(startVus: number, stages: Stage[], atMs: number): number {
  let begin = 0;
  let from = startVus;
  for (const { durationMs, target } of stages) {
    if (atMs < begin + durationMs) return Math.round(from + ((target - from) * (atMs - begin)) / durationMs);
    begin += durationMs;
    from = target;
  }
  return from;
}
