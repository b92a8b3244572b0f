import type { Logger } from '../logger';

/** A line of the journal. */
export interface JournalEntry {
  /** Milliseconds since the epoch. */
  at: number;
  level: 'info' | 'warn' | 'error';
  text: string;
}

const MOST_ENTRIES = 100;

/** The last warnings and changes of the pod, for people who look at it. */
export class Journal {
  readonly #entries: JournalEntry[] = [];

  add(level: JournalEntry['level'], text: string): void {
    this.#entries.push({ at: Date.now(), level, text });
    if (this.#entries.length > MOST_ENTRIES) this.#entries.shift();
  }

  /** The newest first. */
  get entries(): JournalEntry[] {
    return this.#entries.toReversed();
  }

  /** A logger like the given one, whose warnings and errors are kept here as well. */
  listening(log: Logger): Logger {
    const child = log.child({});
    for (const level of ['warn', 'error', 'fatal'] as const) {
      const write = child[level].bind(child) as (...args: unknown[]) => void;
      child[level] = ((...args: unknown[]) => {
        const text = args.find((each) => typeof each === 'string');
        if (typeof text === 'string') this.add(level === 'warn' ? 'warn' : 'error', text);
        write(...args);
      }) as Logger['warn'];
    }
    return child;
  }
}
