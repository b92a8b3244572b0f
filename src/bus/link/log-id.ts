/** Ids of entries in a link's log are those of a Redis stream: milliseconds and a count, `1732822222222-3`. */
export const LOG_START = '0-0';

/** Negative where `a` stands before `b`, positive where after, 0 where they are the same. */
export function compareLogIds(a: string, b: string): number {
  const [aMs, aSeq] = numbersIn(a);
  const [bMs, bSeq] = numbersIn(b);
  return aMs - bMs || aSeq - bSeq;
}

/** The smallest id after one. */
export function nextLogId(id: string): string {
  const [ms, seq] = numbersIn(id);
  return `${ms}-${seq + 1}`;
}

/** The two numbers of an id. */
export function numbersIn(id: string): [ms: number, seq: number] {
  const dash = id.indexOf('-');
  return [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}
