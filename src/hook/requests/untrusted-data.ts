import { unescape as decodeQueryText } from 'node:querystring';

/** Deeper data is refused: merging it would exhaust the stack. */
const MAX_DEPTH = 500;

/** Keys that lead from a plain object to what all objects share. */
const PROTOTYPE_KEYS = ['__proto__', 'constructor'];

/**
 * Removes every key `__proto__` and `constructor` from data that came from a client, in place. Core merges a request's
 * parts into new objects with the keys of old ones: with these keys it would write to what all objects of the process
 * share (their values do not reach the action there, either). Returns false when the data is nested too deeply to go on.
 */
export function dropPrototypeKeys(data: object): boolean {
  let level: object[] = [data];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= MAX_DEPTH) return false;
    const next: object[] = [];
    for (const value of level) collectChildren(value, next);
    level = next;
  }
  return true;
}

function collectChildren(value: object, into: object[]): void {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) into.push(item);
    return;
  }
  for (const key of PROTOTYPE_KEYS) if (Object.hasOwn(value, key)) Reflect.deleteProperty(value, key);
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) into.push(item);
  }
}

/** The URL without the query parameters that {@link dropPrototypeKeys} would drop; HTTP's query parser drops them, too. */
export function dropPrototypeParameters(url: string): string {
  const start = url.indexOf('?') + 1;
  if (start === 0) return url;
  const parameters = url.slice(start).split('&');
  const kept = parameters.filter((parameter) => !PROTOTYPE_KEYS.includes(decodedName(parameter)));
  return kept.length === parameters.length ? url : url.slice(0, start) + kept.join('&');
}

/** As core's query parser reads it. */
function decodedName(parameter: string): string {
  return decodeQueryText(parameter.split('=', 1)[0] as string);
}
