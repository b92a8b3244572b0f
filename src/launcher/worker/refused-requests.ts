import { codeOf } from '../errors';

/**
 * Why Node's HTTP server refused what a client sent, before there was a request. `timeout`: head or body did not come in
 * time (answered 408). `header-too-large`: 431. `malformed`: 400, or no TLS where TLS was expected.
 */
export type RefusedRequest = 'timeout' | 'header-too-large' | 'malformed';

/** Counts what the app's HTTP server refuses by itself. */
export class RefusedRequests {
  readonly counts = new Map<RefusedRequest, number>([
    ['timeout', 0],
    ['header-too-large', 0],
    ['malformed', 0],
  ]);

  /** Takes the error of the server's event `clientError` or `tlsClientError`. */
  count(error: unknown): void {
    const reason = reasonOf(codeOf(error) ?? '');
    if (reason) this.counts.set(reason, (this.counts.get(reason) ?? 0) + 1);
  }
}

/** @returns `undefined` for what is nobody's fault, such as a connection that was reset */
function reasonOf(code: string): RefusedRequest | undefined {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  if (code === 'HPE_HEADER_OVERFLOW') return 'header-too-large';
  return code.startsWith('HPE_') || code.startsWith('ERR_SSL_') ? 'malformed' : undefined;
}
