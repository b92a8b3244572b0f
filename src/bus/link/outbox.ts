/** What waits for Redis to come back. */
interface Waiting {
  channel: string;
  bytes: Buffer;
  at: number;
}

const MAX_MESSAGES = 1_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** What is older than this when Redis is back is of no use to anybody any more. */
const MAX_AGE_MS = 5_000;

/** Messages kept while a link is down: a bounded number for a bounded time; the oldest go first. */
export class Outbox {
  #waiting: Waiting[] = [];
  #bytes = 0;

  constructor(private readonly onDropped: () => void) {}

  add(channel: string, bytes: Buffer): void {
    this.#waiting.push({ channel, bytes, at: Date.now() });
    this.#bytes += bytes.length;
    while (this.#waiting.length > MAX_MESSAGES || this.#bytes > MAX_BYTES) this.#dropOldest();
  }

  /** Takes out everything that is still fresh, in order. */
  drain(): Array<{ channel: string; bytes: Buffer }> {
    const oldest = Date.now() - MAX_AGE_MS;
    while ((this.#waiting[0]?.at ?? Number.POSITIVE_INFINITY) < oldest) this.#dropOldest();
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }

  #dropOldest(): void {
    const dropped = this.#waiting.shift();
    if (!dropped) return;
    this.#bytes -= dropped.bytes.length;
    this.onDropped();
  }
}
