import type { RedisLog } from '../../dist/redis';

/** A log that keeps its lines, and lets a test wait for one. */
export class RecordingLog implements RedisLog {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];

  debug = (message: string): void => this.#add(`debug ${message}`);
  info = (message: string): void => this.#add(`info ${message}`);
  warn = (message: string): void => this.#add(`warn ${message}`);
  error = (message: string): void => this.#add(`error ${message}`);

  get text(): string {
    return this.lines.join('\n');
  }

  /** Settles with the first line that matches, also one that is there already. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #add(line: string): void {
    this.lines.push(line);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
