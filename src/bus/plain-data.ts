/**
 * Turns a value into data that survives the bus as it would survive Socket.IO's own JSON encoding: `toJSON` is applied,
 * functions, symbols and cycles are dropped; but bytes stay bytes, wherever they are nested.
 */
export function toPlainData(value: unknown): unknown {
  return convert(value, new Set());
}

function convert(value: unknown, ancestors: Set<object>): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (typeof value !== 'object' || value === null) return value;
  const bytes = asBytes(value);
  if (bytes) return bytes;
  if (ancestors.has(value)) return undefined;
  ancestors.add(value);
  try {
    if (hasToJson(value)) return convert(value.toJSON(), ancestors);
    if (Array.isArray(value)) return value.map((item) => convert(item, ancestors) ?? null);
    const result: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const converted = convert((value as Record<string, unknown>)[key], ancestors);
      if (converted !== undefined) {
        Object.defineProperty(result, key, { value: converted, enumerable: true, configurable: true, writable: true });
      }
    }
    return result;
  } finally {
    ancestors.delete(value);
  }
}

function asBytes(value: object): Buffer | undefined {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return undefined;
}

function hasToJson(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function';
}
