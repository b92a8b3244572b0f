import { SessionError, SessionUnavailableError } from './errors';

/** What can be done to a store, for counters. */
export type SessionOperation = 'get' | 'save' | 'touch' | 'destroy' | 'list';

/** How one kind of operation went, since the start. */
export interface OperationStats {
  calls: number;
  errors: number;
  /** Of all calls together, in milliseconds. */
  totalMs: number;
  maxMs: number;
}

/** The counters of a store class, in one process. */
export interface SessionStoreStats {
  operations: Record<SessionOperation, OperationStats>;
  /** Saves that came after somebody else's and were merged by key. */
  merged: number;
  /** Saves dropped because their session had been destroyed meanwhile. */
  gone: number;
  /** Touches left out, because another one was made a short while before. */
  touchesSpared: number;
  /** Reads of a stored value that is no session: their holders got a fresh one. */
  corrupt: number;
}

/** Runs a store's operations, each within a time limit, and counts them. */
export class SessionOperations {
  readonly stats: SessionStoreStats = {
    operations: { get: none(), save: none(), touch: none(), destroy: none(), list: none() },
    merged: 0,
    gone: 0,
    touchesSpared: 0,
    corrupt: 0,
  };

  /** @param timeoutMs how long an operation may take */
  constructor(private readonly timeoutMs: number) {}

  /**
   * Settles as the operation does.
   * @throws SessionUnavailableError where it fails for another reason than what it was given, or takes too long
   */
  async run<T>(operation: SessionOperation, act: () => Promise<T>): Promise<T> {
    const counted = this.stats.operations[operation];
    const begun = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new SessionUnavailableError(operation, `no answer in ${this.timeoutMs} ms`)),
        this.timeoutMs,
      );
    });
    try {
      return await Promise.race([act(), limit]);
    } catch (error) {
      counted.errors += 1;
      throw asStoreError(operation, error);
    } finally {
      clearTimeout(timer);
      const tookMs = performance.now() - begun;
      counted.calls += 1;
      counted.totalMs += tookMs;
      if (tookMs > counted.maxMs) counted.maxMs = tookMs;
    }
  }
}

function none(): OperationStats {
  return { calls: 0, errors: 0, totalMs: 0, maxMs: 0 };
}

/** Errors that concern the session itself stay as they are: trying again does not help. */
const ABOUT_THE_SESSION = ['E_SESSION_TOO_LARGE', 'E_SESSION_REQUEST'];

function asStoreError(operation: SessionOperation, error: unknown): Error {
  if (error instanceof SessionError) return error;
  if (error instanceof Error && 'code' in error && ABOUT_THE_SESSION.includes(String(error.code))) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new SessionUnavailableError(operation, reason, error);
}
