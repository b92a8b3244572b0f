/** Codes of the errors that sessions raise; docs/errors.md explains each. */
export type SessionErrorCode =
  | 'E_SESSION_SETTING'
  | 'E_SESSION_TOO_LARGE'
  | 'E_SESSION_REQUEST'
  | 'E_SESSION_CLIENT'
  | 'E_SESSION_UNAVAILABLE';

/** An error of the session stores. */
export class SessionError extends Error {
  override readonly name: string = 'SessionError';

  constructor(
    readonly code: SessionErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The store can't be reached, or did not answer in time: a request that needs it is answered with this status. */
export class SessionUnavailableError extends SessionError {
  override readonly name = 'SessionUnavailableError';
  readonly status = 503;

  constructor(operation: string, reason: string, cause?: unknown) {
    super(
      'E_SESSION_UNAVAILABLE',
      `The session store can not be used (${operation}): ${reason}`,
      cause === undefined ? undefined : { cause },
    );
  }
}
