const SHOWN_OF_EACH = 3;

/** Prints what scripts log, but of messages that differ only in numbers no more than a few; the rest is counted. */
export class LogDigest {
  readonly #counts = new Map<string, { text: string; count: number }>();

  constructor(private readonly print: (line: string) => void) {}

  take(level: string, text: string): void {
    const kind = text.replace(/[0-9][0-9a-z.-]*/g, '#');
    const entry = this.#counts.get(kind) ?? { text, count: 0 };
    entry.count += 1;
    this.#counts.set(kind, entry);
    if (entry.count <= SHOWN_OF_EACH) this.print(`  ${level}: ${text}`);
    if (entry.count === SHOWN_OF_EACH) this.print('  (more like this are counted, not shown)');
  }

  /** Kinds of message with how often they came, the most frequent first. */
  counts(): { text: string; count: number }[] {
    return [...this.#counts.values()].sort((a, b) => b.count - a.count);
  }
}
