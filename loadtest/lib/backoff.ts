export interface BackoffOptions {
  /** First delay, before jitter. Default 1000. */
  minMs: number;
  /** Longest delay, before jitter. Default 5000. */
  maxMs: number;
  /** Share of the delay by which it may be shorter or longer. Default 0.5, as in socket.io-client. */
  jitter: number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { minMs: 1000, maxMs: 5000, jitter: 0.5 };

/** @param attempt 0 for the first one */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number = Math.random): number {
  const plain = Math.min(options.maxMs, options.minMs * 2 ** attempt);
  return Math.round(plain * (1 + options.jitter * (2 * random() - 1)));
}
