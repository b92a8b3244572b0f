/** Codes of the errors this folder throws; each has a row in docs/errors.md. */
export type RedisErrorCode =
  | 'E_REDIS_SETTING'
  | 'E_REDIS_UNREACHABLE'
  | 'E_REDIS_CERTIFICATE'
  | 'E_REDIS_TLS'
  | 'E_REDIS_AUTH'
  | 'E_REDIS_SERVER'
  | 'E_REDIS_CLOSED';

/** A setting that cannot be used. The message names the setting, its value (secrets hidden) and the cure. */
export class RedisSettingError extends Error {
  readonly code = 'E_REDIS_SETTING' satisfies RedisErrorCode;
  override readonly name = 'RedisSettingError';

  /**
   * @param setting where it was set, e.g. `FLOTILLA_REDIS_URL` or `sails.config.flotilla.redis.port`
   * @param shown its value in a printable form that holds no secret
   * @param problem what is wrong, as a sentence
   * @param cure what to write instead, as a sentence
   */
  constructor(
    readonly setting: string,
    shown: string,
    problem: string,
    cure: string,
  ) {
    super(`${setting} is ${shown}: ${problem} ${cure}`);
  }
}

/** Redis cannot be used although the setting is well-formed: out of reach, refused, or the wrong kind of server. */
export class RedisConnectionError extends Error {
  override readonly name = 'RedisConnectionError';

  constructor(
    readonly code: Exclude<RedisErrorCode, 'E_REDIS_SETTING'>,
    message: string,
  ) {
    super(message);
  }
}
