const GROUPS = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function formatCount(value: number): string {
  return GROUPS.format(value);
}

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** A value of any size, in a few characters: `190M`, `0.25`. */
export function formatCompact(value: number): string {
  return COMPACT.format(value);
}

/** A time for people: `4.2 ms`, `312 ms`, `1.95 s`. */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${Number(ms.toFixed(1))} ms`;
}

export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A metric's value as its kind of metric is written. */
export function formatValue(value: number, contains: string): string {
  if (contains === 'time') return formatMs(value);
  return Number.isInteger(value) ? formatCount(value) : `${Number(value.toFixed(4))}`;
}
