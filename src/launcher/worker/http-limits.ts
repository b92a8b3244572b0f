import { maxHeaderSize as nodeMaxHeaderSize } from 'node:http';
import { DEFAULT_HEADER_TIMEOUT_MS, type HttpLimits } from '../front-door/settings';

/** Node looks every 30 seconds whether somebody is late. */
const LOOK_AT_LEAST_EVERY_MS = 5_000;
const LOOK_AT_MOST_EVERY_MS = 50;

/** Options of Node's HTTP servers, the limits among them with a value. */
export interface ServerOptions extends Record<string, unknown> {
  headersTimeout: number;
  requestTimeout: number;
  maxHeaderSize: number;
}

/**
 * Options for core's HTTP server that keep the launcher's limits. What the launcher was told comes before what the app has in
 * `sails.config.http.serverOptions`, and that before the defaults. By default a request may take as long as it needs once its
 * head has come: Node's own 300 seconds would cut big uploads.
 */
export function withHttpLimits(limits: HttpLimits, appOptions: Record<string, unknown> = {}): ServerOptions {
  const ofApp = (name: string) => (typeof appOptions[name] === 'number' ? (appOptions[name] as number) : undefined);
  const requestTimeout = limits.requestTimeoutMs ?? ofApp('requestTimeout') ?? 0;
  const wanted = limits.headerTimeoutMs ?? ofApp('headersTimeout') ?? DEFAULT_HEADER_TIMEOUT_MS;
  // Node refuses a head that may take longer than its request
  const headersTimeout = requestTimeout > 0 ? Math.min(wanted, requestTimeout) : wanted;
  const shortest = headersTimeout || requestTimeout;
  return {
    connectionsCheckingInterval: Math.max(
      LOOK_AT_MOST_EVERY_MS,
      Math.min(LOOK_AT_LEAST_EVERY_MS, Math.floor(shortest / 4) || LOOK_AT_LEAST_EVERY_MS),
    ),
    ...(headersTimeout > 0 ? { handshakeTimeout: headersTimeout } : {}),
    ...appOptions,
    headersTimeout,
    requestTimeout,
    maxHeaderSize: limits.maxHeaderSize ?? ofApp('maxHeaderSize') ?? nodeMaxHeaderSize,
  };
}
