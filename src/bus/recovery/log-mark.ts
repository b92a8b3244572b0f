import { numbersIn } from '../link/log-id';

/**
 * Where something stands in the link's log: the id of an entry, as text that sorts as the ids do. Ids are `ms-seq`; here
 * both are written with 36 digits, the first in a fixed width, the second behind its length.
 */
export type LogMark = string;

const RADIX = 36;
const MS_DIGITS = 9;
const PATTERN = /^[0-9a-z]{9}([0-9a-z])([0-9a-z]+)$/;

/** The mark of an entry, from the two numbers of its id. */
export function makeMark(ms: number, seq: number): LogMark {
  const digits = seq.toString(RADIX);
  return ms.toString(RADIX).padStart(MS_DIGITS, '0') + digits.length.toString(RADIX) + digits;
}

/** The mark of an entry, from its id. */
export function markOf(logId: string): LogMark {
  return makeMark(...numbersIn(logId));
}

/** The two numbers of a mark's id. */
export function partsOf(mark: LogMark): [ms: number, seq: number] {
  return [Number.parseInt(mark.slice(0, MS_DIGITS), RADIX), Number.parseInt(mark.slice(MS_DIGITS + 1), RADIX)];
}

/** The id of a mark's entry. */
export function logIdOf(mark: LogMark): string {
  const [ms, seq] = partsOf(mark);
  return `${ms}-${seq}`;
}

/** Whether a text has the form of a mark. */
export function isMark(text: string): text is LogMark {
  const match = PATTERN.exec(text);
  return match !== null && Number.parseInt(match[1] as string, RADIX) === (match[2] as string).length;
}
