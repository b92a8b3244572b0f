/** Prefix of the codes that sails-hook-sockets uses for its own errors; apps and its test suite compare them. */
const PREFIX = 'SAILS:HOOK:SOCKETS:';

/** Base of the errors that carry a code of sails-hook-sockets. */
class SocketsHookError extends Error {
  readonly code: string;

  constructor(
    code: string,
    message: string,
    /** Advisory HTTP-like status. */
    readonly status = 500,
  ) {
    super(message);
    this.code = PREFIX + code;
    this.name = `Error (${this.code}):`;
  }
}

/** A method of `sails.sockets` was called with the wrong arguments. */
export class SocketsUsageError extends SocketsHookError {
  constructor(message: string) {
    super('USAGE', message);
  }
}

/** A setting is invalid; the app does not lift. */
export class SocketsConfigError extends SocketsHookError {
  constructor(message: string) {
    super('CONFIG', message);
  }
}

/** A hook that this one builds on is not loaded. */
export class SocketsDependencyError extends SocketsHookError {
  constructor(message: string) {
    super('DEPENDS_ON_HOOK', message);
  }
}

/** The configured Socket.IO adapter can't be required. */
export class SocketsAdapterError extends SocketsHookError {
  constructor(message: string) {
    super('REQUIRE_SOCKETIO_ADAPTER', message);
  }
}

/** A client's message can't be understood as a virtual request. */
export class SocketsParseError extends SocketsHookError {
  constructor(
    /** What is wrong with the message. */
    readonly details: string,
  ) {
    super('PARSE_VIRTUAL_REQ', 'Failed to parse incoming socket.io request.', 400);
  }
}

/** `sails.sockets.get()` found no such socket in this process. */
export class SocketsNoSuchSocketError extends SocketsHookError {
  constructor(message: string) {
    super('NO_SUCH_SOCKET', message, 404);
  }
}

/** Codes of the hook's own errors; each has its row in `docs/errors.md`. */
export type HookErrorCode =
  | 'E_INVALID_ONLY_ALLOW_ORIGINS'
  | 'E_INVALID_ORIGIN'
  | 'E_ORIGINS_REQUIRED'
  | 'E_FLOTILLA_SETTING'
  | 'E_SOCKET_IO_REDIS_VERSION_TOO_LOW'
  | 'E_REDIS_CONNECTION_FAILED'
  | 'ERR_BAD_PASSWORD'
  | 'ERR_NO_PASSWORD'
  | 'E_INVALID_DB_INDEX'
  | 'E_NO_SUCH_SOCKET'
  | 'E_FLEET_SILENT'
  | 'E_NOT_IN_FLEET'
  | 'E_LOWERING'
  | 'E_TOO_MANY_REQUESTS'
  | 'E_TOO_MANY_HANDSHAKES'
  | 'E_SLOW_CONSUMER'
  | 'E_PROBE_TOKEN'
  | 'E_ADMIN_UI_OPEN'
  | 'E_ADMIN_UI_MISSING'
  | 'E_UNSENDABLE_RESPONSE';

/** An error of this package's hook, with a stable code. */
export class HookError extends Error {
  constructor(
    readonly code: HookErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'HookError';
  }
}

/** An order for sockets by id that did not reach all of them. */
export class UnreachedSocketsError extends HookError {
  constructor(
    code: 'E_NO_SUCH_SOCKET' | 'E_FLEET_SILENT',
    message: string,
    /** The ids that no worker knew, or that nobody answered for. */
    readonly ids: string[],
    /** Who did not answer before the deadline, as `pod/worker`. */
    readonly silent: string[],
  ) {
    super(code, message);
  }
}
