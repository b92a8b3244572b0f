type Dictionary = Record<string, unknown>;

/**
 * Puts a route's options under those that a request already has, as core does at each route that a request meets; both
 * are plain data. What the request has is changed in place.
 */
export function fillIn(options: Dictionary, defaults: Dictionary): void {
  for (const key in defaults) {
    const own = options[key];
    const value = defaults[key];
    if (own === undefined) options[key] = copyOf(value);
    // It may be the app's: what is filled in goes to a copy.
    else if (isPlain(own) && isPlain(value) && lacksAnyOf(own, value)) {
      const filled = copyOf(own) as Dictionary;
      fillIn(filled, value);
      options[key] = filled;
    }
  }
}

/** A copy of plain data; anything else in it is shared. */
export function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isPlain(value)) return value;
  const copy: Dictionary = {};
  for (const key in value) copy[key] = copyOf(value[key]);
  return copy;
}

function lacksAnyOf(own: Dictionary, defaults: Dictionary): boolean {
  for (const key in defaults) {
    const value = own[key];
    if (value === undefined) return true;
    const missing = defaults[key];
    if (isPlain(value) && isPlain(missing) && lacksAnyOf(value, missing)) return true;
  }
  return false;
}

function isPlain(value: unknown): value is Dictionary {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
