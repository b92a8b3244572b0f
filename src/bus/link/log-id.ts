/** Ids of entries in a link's log are those of a Redis stream: milliseconds and a count, `1732822222222-3`. */
export const LOG_START = '0-0';

/** Negative where `a` stands before `b`, positive where after, 0 where they are the same. */
export function compareLogIds(a: string, b: string): number {
  const [aMs, aSeq] = partsOf(a);
  const [bMs, bSeq] = partsOf(b);
  return aMs - bMs || aSeq - bSeq;
}

/** The smallest id after one. */
export function nextLogId(id: string): string {
  const [ms, seq] = partsOf(id);
  return `${ms}-${seq + 1}`;
}

function partsOf(id: string): [number, number] {
  const dash = id.indexOf('-');
  return [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}
