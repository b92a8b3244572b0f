import type { Stage } from '../scenario-plan';

/**
 * When iterations begin, in milliseconds from the scenario's start, where their rate goes in a straight line from each
 * stage's beginning to its target. Number n begins when the area under the rate reaches n.
 * @param startRate iterations per time unit at the beginning
 */
export function* arrivalTimes(startRate: number, stages: Stage[], timeUnitMs: number): Generator<number> {
  let stageBegin = 0;
  let begunBefore = 0;
  let from = startRate / timeUnitMs;
  let next = 0;
  for (const { durationMs, target } of stages) {
    const to = target / timeUnitMs;
    const area = ((from + to) / 2) * durationMs;
    while (next < begunBefore + area - 1e-9) {
      yield stageBegin + timeOfArea(next - begunBefore, from, to, durationMs);
      next += 1;
    }
    stageBegin += durationMs;
    begunBefore += area;
    from = to;
  }
}

/** The time t within a stage at which `from * t + slope * t² / 2` reaches an area. */
function timeOfArea(area: number, from: number, to: number, durationMs: number): number {
  const slope = durationMs === 0 ? 0 : (to - from) / durationMs;
  if (Math.abs(slope) < 1e-15) return from === 0 ? 0 : area / from;
  return (Math.sqrt(from * from + 2 * slope * area) - from) / slope;
}
