import type { Sink } from './sinks';

export interface Threshold {
  /** As the script wrote it. */
  source: string;
  statistic: string;
  operator: '<' | '<=' | '>' | '>=' | '==' | '!=';
  value: number;
  abortOnFail: boolean;
  delayAbortEvalMs: number;
}

interface ThresholdObject {
  threshold: string;
  abortOnFail?: boolean;
  delayAbortEval?: string | number;
}

const FORM = /^\s*(count|rate|value|avg|min|max|med|p\([\d.]+\))\s*(<=|>=|===?|!=|<|>)\s*(-?[\d.]+)\s*$/;

/** @throws Error naming the metric and the expression */
export function parseThreshold(
  metric: string,
  threshold: string | ThresholdObject,
  delayMs: (delay: string | number) => number,
): Threshold {
  const source = typeof threshold === 'string' ? threshold : threshold.threshold;
  const match = FORM.exec(source);
  if (!match)
    throw new Error(`threshold of ${metric}: cannot read "${source}"; one looks like "p(95)<200" or "count==0"`);
  const [, statistic, operator, value] = match as unknown as [string, string, string, string];
  const more: ThresholdObject = typeof threshold === 'string' ? { threshold } : threshold;
  return {
    source,
    statistic,
    operator: (operator === '===' ? '==' : operator) as Threshold['operator'],
    value: Number(value),
    abortOnFail: more.abortOnFail === true,
    delayAbortEvalMs: more.delayAbortEval === undefined ? 0 : delayMs(more.delayAbortEval),
  };
}

/** @throws Error where the metric's type has no such statistic */
export function holds(threshold: Threshold, metric: string, sink: Sink, seconds: number): boolean {
  const actual = sink.statistic(threshold.statistic, seconds);
  if (actual === undefined) throw new Error(`threshold of ${metric}: it has no "${threshold.statistic}"`);
  switch (threshold.operator) {
    case '<':
      return actual < threshold.value;
    case '<=':
      return actual <= threshold.value;
    case '>':
      return actual > threshold.value;
    case '>=':
      return actual >= threshold.value;
    case '==':
      return actual === threshold.value;
    case '!=':
      return actual !== threshold.value;
  }
}
