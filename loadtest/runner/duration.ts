const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * A time as k6 options give it: `90s`, `1m30s`, or a number of milliseconds.
 * @throws Error naming the option and the value
 */
export function parseDuration(value: string | number, option: string): number {
  if (typeof value === 'number') return value;
  const parts = value.match(/\d+(?:\.\d+)?(?:ms|s|m|h|d)/g);
  if (parts?.join('') !== value.trim()) {
    if (/^\d+$/.test(value)) return Number(value);
    throw new Error(`${option}: "${value}" is no time; give one such as "30s" or "1m30s"`);
  }
  return parts.reduce((sum, part) => {
    const [, amount, unit] = /^([\d.]+)(\w+)$/.exec(part) as unknown as [string, string, string];
    return sum + Number(amount) * (UNIT_MS[unit] as number);
  }, 0);
}
