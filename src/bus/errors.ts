/** Codes of the errors that the bus raises; each has its row in `docs/errors.md`. */
export type BusErrorCode =
  | 'E_HUB_UNAVAILABLE'
  | 'E_HUB_TIMEOUT'
  | 'E_NO_SUCH_SERVICE'
  | 'E_HUB_PATH_IN_USE'
  | 'E_MESSAGE_TOO_LARGE';

/** An error of the bus, with a stable code. */
export class BusError extends Error {
  constructor(
    readonly code: BusErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'BusError';
  }
}

/**
 * A fleet-wide question that not everybody answered in time. The text is that of Socket.IO's cluster adapter,
 * which peers' suites and applications look for.
 */
export class PartialAnswerError<T> extends Error {
  readonly code = 'E_PARTIAL_ANSWER';

  constructor(
    /** What came before the deadline. */
    readonly responses: T[],
    /** Who did not answer, as `pod/worker`. */
    readonly silent: string[],
  ) {
    super(`timeout reached: missing ${silent.length} responses`);
    this.name = 'PartialAnswerError';
  }
}
