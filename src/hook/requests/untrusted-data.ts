/** Deeper data is refused: merging it would exhaust the stack. */
const MAX_DEPTH = 500;

/**
 * Removes every key `__proto__` from data that came from a client, in place: merged into other objects it would
 * replace their prototype. Returns false when the data is nested too deeply to go on.
 */
export function dropPrototypeKeys(data: object): boolean {
  let level: object[] = [data];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return false;
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
  if (Object.hasOwn(value, '__proto__')) Reflect.deleteProperty(value, '__proto__');
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) into.push(item);
  }
}
