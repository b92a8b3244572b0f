/** A span of time, in its two largest units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const parts: Array<[number, string]> = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first === -1) return '0 s';
  const largest = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return largest.map(([value, unit]) => `${value} ${unit}`).join(' ');
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

/** A count, or a rate. */
export function count(value: number): string {
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** Colours, where a person reads. */
export function painter(isTerminal: boolean): (text: string, status: string) => string {
  const codes: Record<string, string> = { ok: '32', degraded: '33', warn: '33', failed: '31', fail: '31', skip: '90' };
  return (text, status) => {
    const code = codes[status];
    return isTerminal && !process.env.NO_COLOR && code ? `\x1b[${code}m${text}\x1b[0m` : text;
  };
}
