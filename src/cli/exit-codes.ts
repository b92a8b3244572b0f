/** Exit codes of every command. */
export const EXIT = {
  ok: 0,
  /** It did not work, or what was asked for is not so. */
  failure: 1,
  /** Wrong arguments. */
  usage: 2,
  /** No pod answers. */
  noPod: 3,
  /** The ops server wants a token. */
  noToken: 4,
} as const;

/** A failure of a command that is told in one line. */
export class CommandError extends Error {
  constructor(
    readonly exitCode: number,
    readonly code: 'E_NO_POD' | 'E_SEVERAL_PODS' | 'E_OPS_TOKEN' | 'E_COMMAND' | 'E_STILL_THERE' | 'E_PROBE',
    message: string,
  ) {
    super(message);
  }
}
