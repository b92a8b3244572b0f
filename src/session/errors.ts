/** Codes of the errors that sessions raise; docs/errors.md explains each. */
export type SessionErrorCode = 'E_SESSION_SETTING' | 'E_SESSION_TOO_LARGE' | 'E_SESSION_REQUEST';

/** An error of the session stores. */
export class SessionError extends Error {
  override readonly name = 'SessionError';

  constructor(
    readonly code: SessionErrorCode,
    message: string,
  ) {
    super(message);
  }
}
