/**
 * `E_CONNECT` the connection was refused or broke before it was up; `E_CONNECT_TIMEOUT` it was not up in time;
 * `E_NAMESPACE` the server refused the namespace; `E_ACK_TIMEOUT` no acknowledgement came; `E_DISCONNECTED` the
 * connection ended before the acknowledgement came.
 */
export type SocketErrorCode = 'E_CONNECT' | 'E_CONNECT_TIMEOUT' | 'E_NAMESPACE' | 'E_ACK_TIMEOUT' | 'E_DISCONNECTED';

/** What goes wrong on a socket, as a load script tells it apart. */
export class SocketError extends Error {
  override readonly name = 'SocketError';
  readonly code: SocketErrorCode;

  constructor(code: SocketErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
