import { type Logger, pino } from 'pino';

export type { Logger };

/** How log lines look: `json` for machines, `pretty` for people. */
export type LogFormat = 'json' | 'pretty';

/** Settings of {@link createLogger}. */
export interface LoggerOptions {
  /** Default: `json` where `NODE_ENV` is `production`, else `pretty`. */
  format?: LogFormat | undefined;
  /** Default: `info`. */
  level?: string | undefined;
  /** Default: standard output. */
  stream?: { write(text: string): unknown; isTTY?: boolean };
}

const LEVELS: Record<number, { label: string; colour: string }> = {
  10: { label: 'trace', colour: '90' },
  20: { label: 'debug', colour: '90' },
  30: { label: 'info', colour: '36' },
  40: { label: 'warn', colour: '33' },
  50: { label: 'error', colour: '31' },
  60: { label: 'fatal', colour: '31;1' },
};

/** The primary's structured logger. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const format = options.format ?? (process.env.NODE_ENV === 'production' ? 'json' : 'pretty');
  const stream = options.stream ?? process.stdout;
  const settings = { name: 'flotilla', level: options.level ?? 'info', base: undefined };
  if (format === 'json') return pino(settings, stream);
  const coloured = stream.isTTY === true && !process.env.NO_COLOR;
  return pino(settings, { write: (line: string) => stream.write(prettyLine(line, coloured)) });
}

function prettyLine(line: string, coloured: boolean): string {
  const { level, time, name, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown> & { level: number };
  const { label, colour } = LEVELS[level] ?? { label: String(level), colour: '0' };
  const paint = (text: string, code: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);
  const details = Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const stack = (err as { stack?: string } | undefined)?.stack;
  return [
    paint(new Date(Number(time)).toTimeString().slice(0, 8), '90'),
    ' ',
    paint(`${String(name)} ${label.padEnd(5)}`, colour),
    ' ',
    String(msg ?? ''),
    details ? ` ${paint(details, '90')}` : '',
    stack ? `\n${stack}` : '',
    '\n',
  ].join('');
}
