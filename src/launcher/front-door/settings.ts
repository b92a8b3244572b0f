import { LauncherError } from '../errors';
import { openFileLimit } from './open-file-limit';
import { TrustedAddresses } from './trusted-addresses';

/** Node's own is 60 seconds. */
export const DEFAULT_HEADER_TIMEOUT_MS = 30_000;

const LONGEST_MS = 3_600_000;
const MOST = 10_000_000;
/** Open files that a worker needs beside connections: its own, those of Redis and the database, those that it reads. */
const OTHER_FILES_SHARE = 0.1;

/** What the front door is told by {@link PodOptions}. */
export interface FrontDoorOptions {
  /**
   * How long a client may take to send the head of a request, a TLS greeting before it included; 0: for ever. Default:
   * `sails.config.http.serverOptions.headersTimeout`, else 30,000 ms.
   */
  headerTimeoutMs?: number | undefined;
  /**
   * How long a client may take to send a whole request, its body included; 0: for ever. Default:
   * `sails.config.http.serverOptions.requestTimeout`, else 0.
   */
  requestTimeoutMs?: number | undefined;
  /** How many bytes the head of a request may have. Default: `sails.config.http.serverOptions.maxHeaderSize`, else Node's. */
  maxHeaderSize?: number | undefined;
  /** How many connections a worker may have; 0: any number. Default: 90 % of the limit of open files, where that is known. */
  maxConnections?: number | undefined;
  /** How many connections one address may have; 0: any number. Default: 0. */
  maxConnectionsPerAddress?: number | undefined;
  /**
   * Addresses and networks of proxies that begin each connection with a PROXY protocol header, separated by commas.
   * Default: none.
   */
  proxyProtocolFrom?: string | undefined;
}

/** Limits that a worker's HTTP server keeps, as far as they were given. */
export interface HttpLimits {
  headerTimeoutMs?: number | undefined;
  requestTimeoutMs?: number | undefined;
  maxHeaderSize?: number | undefined;
}

/** {@link FrontDoorOptions} with their defaults. */
export interface FrontDoorSettings {
  http: HttpLimits;
  /** Per worker. */
  maxConnections: number;
  maxConnectionsPerAddress: number;
  /** `undefined`: the PROXY protocol is not spoken. */
  proxies: TrustedAddresses | undefined;
}

/**
 * Checks the options and fills in the defaults.
 * @throws LauncherError `E_LAUNCH_SETTING`
 */
export function readFrontDoorSettings(options: FrontDoorOptions, mode: 'route' | 'sticky'): FrontDoorSettings {
  const headerTimeoutMs = optional('headerTimeoutMs', options.headerTimeoutMs, 0, LONGEST_MS);
  const requestTimeoutMs = optional('requestTimeoutMs', options.requestTimeoutMs, 0, LONGEST_MS);
  if (requestTimeoutMs && headerTimeoutMs && headerTimeoutMs > requestTimeoutMs) {
    throw bad(
      `headerTimeoutMs is ${headerTimeoutMs} and requestTimeoutMs ${requestTimeoutMs}: the head is a part of the request, so --header-timeout (FLOTILLA_HEADER_TIMEOUT_MS) must not be longer than --request-timeout (FLOTILLA_REQUEST_TIMEOUT_MS).`,
    );
  }
  const maxHeaderSize = optional('maxHeaderSize', options.maxHeaderSize, 1_024, 1_048_576);
  const perAddress = optional('maxConnectionsPerAddress', options.maxConnectionsPerAddress, 0, MOST) ?? 0;
  const proxies = options.proxyProtocolFrom?.trim() ? TrustedAddresses.parse(options.proxyProtocolFrom) : undefined;
  if (mode === 'sticky' && perAddress > 0) throw needsRoute('maxConnectionsPerAddress', perAddress);
  if (mode === 'sticky' && proxies) throw needsRoute('proxyProtocolFrom', options.proxyProtocolFrom);
  return {
    http: { headerTimeoutMs, requestTimeoutMs, maxHeaderSize },
    maxConnections: limit(optional('maxConnections', options.maxConnections, 0, MOST) ?? defaultMaxConnections()),
    maxConnectionsPerAddress: limit(perAddress),
    proxies,
  };
}

function defaultMaxConnections(): number {
  const files = openFileLimit();
  return files === undefined ? 0 : Math.floor(files * (1 - OTHER_FILES_SHARE));
}

function limit(given: number): number {
  return given === 0 ? Number.POSITIVE_INFINITY : given;
}

function optional(name: string, value: number | undefined, from: number, to: number): number | undefined {
  if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return value;
  throw bad(`${name} is ${JSON.stringify(value)}; it must be a whole number from ${from} to ${to}.`);
}

function needsRoute(name: string, value: unknown): LauncherError {
  return bad(
    `${name} is ${JSON.stringify(value)}, which mode "sticky" cannot keep: use --mode route, or leave it to the proxy in front.`,
  );
}

function bad(message: string): LauncherError {
  return new LauncherError('E_LAUNCH_SETTING', message);
}
