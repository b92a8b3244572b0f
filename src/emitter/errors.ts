/** Codes of the emitter's errors; each has its row in `docs/errors.md`. */
export type EmitterErrorCode = 'E_EMITTER_REDIS' | 'E_EMITTER_ARGUMENT';

/** A mistake in how an emitter was made or called. */
export class EmitterError extends Error {
  constructor(
    readonly code: EmitterErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'EmitterError';
  }
}
