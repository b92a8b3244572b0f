import { randomBytes } from 'node:crypto';
import { LauncherError } from '../errors';

/** Whether a pod that cannot reach Redis is ready. */
export type RedisReadiness = 'degraded' | 'strict';

/** Settings of the ops server. */
export interface OpsOptions {
  /** Default: 9090, or a free one where that is taken. 0 takes any free port. */
  port?: number | undefined;
  /** The interface to listen on. Default: `127.0.0.1`. */
  host?: string | undefined;
  /** What requests prove their right with. Default: the environment's `FLOTILLA_OPS_TOKEN`, else a random one. */
  token?: string | undefined;
  /** `strict`: a pod out of reach of Redis is not ready. Default: `degraded`, it is, and serves its own clients. */
  readinessRedis?: RedisReadiness | undefined;
}

/** {@link OpsOptions} with their defaults. */
export interface OpsSettings {
  port: number;
  /** Whether another port may be taken where this one is. */
  portIsDefault: boolean;
  host: string;
  token: string;
  readinessRedis: RedisReadiness;
}

export const DEFAULT_OPS_PORT = 9090;
export const DEFAULT_OPS_HOST = '127.0.0.1';
const SHORTEST_TOKEN = 16;

/**
 * Checks the options and fills in the defaults.
 * @throws LauncherError `E_LAUNCH_SETTING`
 */
export function readOpsSettings(options: OpsOptions, env: NodeJS.ProcessEnv = process.env): OpsSettings {
  const { port = DEFAULT_OPS_PORT, host = DEFAULT_OPS_HOST, readinessRedis = 'degraded' } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw bad('port', port, 'a whole number from 0 to 65535');
  if (host === '') throw bad('host', host, 'the name or address of an interface, such as 127.0.0.1 or 0.0.0.0');
  if (readinessRedis !== 'degraded' && readinessRedis !== 'strict') {
    throw bad('readinessRedis', readinessRedis, '"degraded" or "strict"');
  }
  return {
    port,
    portIsDefault: options.port === undefined,
    host,
    token: readToken(options.token ?? env.FLOTILLA_OPS_TOKEN),
    readinessRedis,
  };
}

function readToken(token: string | undefined): string {
  if (!token) return randomBytes(24).toString('base64url');
  if (/^[\x21-\x7e]+$/.test(token) && token.length >= SHORTEST_TOKEN) return token;
  throw new LauncherError(
    'E_LAUNCH_SETTING',
    `FLOTILLA_OPS_TOKEN must be ${SHORTEST_TOKEN} characters or more, letters, digits and signs without blanks; e.g. from "openssl rand -hex 24".`,
  );
}

function bad(name: string, value: unknown, wanted: string): LauncherError {
  return new LauncherError('E_LAUNCH_SETTING', `ops.${name} is ${JSON.stringify(value)}; it must be ${wanted}.`);
}
