/** The launcher's error codes; docs/errors.md says what to do about each. */
export type LauncherErrorCode =
  | 'E_NO_SUCH_APP'
  | 'E_NOT_A_SAILS_APP'
  | 'E_ENTRY'
  | 'E_OTHER_SOCKETS_HOOK'
  | 'E_LAUNCH_SETTING'
  | 'E_SETTINGS_DOCUMENT'
  | 'E_SETTINGS_DIFFER'
  | 'E_PORT_BUSY'
  | 'E_LISTEN'
  | 'E_STICKY_TLS'
  | 'E_CRASH_LOOP'
  | 'E_UNSUPPORTED_NODE'
  | 'E_REDIS_REQUIRED'
  | 'E_LIFT'
  | 'E_REPLACEMENT'
  | 'E_ONCE'
  | 'E_RELOAD_BUSY'
  | 'E_OPS_NO_SOCKETS'
  | 'E_OPS_WORKER_SILENT'
  | 'E_OPS_REQUEST'
  | 'E_OPS_NO_SUCH_SOCKET'
  | 'E_OPS_NO_WORKER'
  | 'E_OPS_FAILED'
  | 'E_OPS_TOKEN';

/** Trouble that the launcher reports, with a stable code. */
export class LauncherError extends Error {
  override readonly name = 'LauncherError';

  constructor(
    readonly code: LauncherErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Codes that another attempt cannot change: the launcher gives up at once where no worker is ready. */
const PERMANENT: ReadonlySet<string> = new Set<LauncherErrorCode | 'E_REDIS_SETTING'>([
  'E_REDIS_SETTING',
  'E_NO_SUCH_APP',
  'E_NOT_A_SAILS_APP',
  'E_ENTRY',
  'E_OTHER_SOCKETS_HOOK',
  'E_LAUNCH_SETTING',
  'E_SETTINGS_DOCUMENT',
  'E_PORT_BUSY',
  'E_LISTEN',
  'E_STICKY_TLS',
  'E_REDIS_REQUIRED',
  'E_UNSUPPORTED_NODE',
]);

/** Whether trying again is useless. */
export function isPermanent(code: string | undefined): boolean {
  return code !== undefined && PERMANENT.has(code);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}

/** The `code` of anything that was thrown, where it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
