import type { IncomingMessage } from 'node:http';
import type { HookRuntime } from '../runtime';
import { RareWarning } from './rare-warning';

/** How a handshake goes on: it may begin, there is nothing to wait for (its client has gone, or the app lowers), or there are too many. */
export type Turn = 'now' | 'over' | 'too-many';

/** A handshake in line. */
interface Waiting {
  request: IncomingMessage;
  begin(turn: Turn): void;
}

const LOOK_EVERY_MS = 20;

/**
 * Lets `handshakesPerSecond` handshakes begin, those of a quiet second at once. What is more waits in line, first come,
 * first served, so that a storm of reconnects is slowed and the sockets that are connected keep their share of the CPU.
 * Who would wait longer than `handshakeWaitMs` is told to come back later.
 */
export class HandshakePace {
  readonly #line: Waiting[] = [];
  readonly #perSecond: number;
  readonly #longestLine: number;
  readonly #warning: RareWarning;
  /** How many may begin at once. */
  #allowance: number;
  #countedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly runtime: HookRuntime) {
    const { handshakesPerSecond, handshakeWaitMs } = runtime.settings;
    this.#perSecond = handshakesPerSecond;
    this.#longestLine = Math.floor((handshakesPerSecond * handshakeWaitMs) / 1_000);
    this.#allowance = handshakesPerSecond;
    this.#warning = new RareWarning(runtime);
  }

  /** How many wait in line. */
  get waiting(): number {
    return this.#line.length;
  }

  /** After how many seconds a client that was refused finds a place. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(this.#line.length / this.#perSecond));
  }

  /** Calls back, perhaps at once, when this handshake's turn has come. */
  take(request: IncomingMessage, begin: (turn: Turn) => void): void {
    if (this.#perSecond === 0) {
      begin('now');
      return;
    }
    this.#refill();
    if (this.#line.length === 0 && this.#allowance >= 1) {
      this.#allowance -= 1;
      begin('now');
      return;
    }
    if (this.#line.length >= this.#longestLine) {
      this.#warning.warn(
        `Flotilla: more than ${this.#perSecond} handshakes a second for a while (\`sails.config.flotilla.handshakesPerSecond\`): ` +
          `${this.#line.length} wait, and a client was told to come back in ${this.retryAfterSeconds} s.`,
      );
      begin('too-many');
      return;
    }
    this.runtime.counters.handshakesDelayed += 1;
    this.#line.push({ request, begin });
    this.#timer ??= setInterval(() => this.#advance(), LOOK_EVERY_MS);
  }

  /** Sends away who waits: the app lowers. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { begin } of this.#line.splice(0)) begin('over');
  }

  #advance(): void {
    this.#refill();
    let passed = 0;
    for (const { request, begin } of this.#line) {
      const isOver = this.runtime.lowering || request.socket.destroyed;
      if (!isOver && this.#allowance < 1) break;
      if (!isOver) this.#allowance -= 1;
      passed += 1;
      begin(isOver ? 'over' : 'now');
    }
    this.#line.splice(0, passed);
    if (this.#line.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #refill(): void {
    const now = performance.now();
    const more = ((now - this.#countedAt) / 1_000) * this.#perSecond;
    this.#allowance = Math.min(this.#perSecond, this.#allowance + more);
    this.#countedAt = now;
  }
}
