import { inspect } from 'node:util';
import type { BusLog } from '../bus/fleet';
import { SessionError } from './errors';

/** Options of the pod's session store. */
export interface PodSessionOptions {
  /** Bound on the memory of all sessions, in bytes. Default: `FLOTILLA_SESSION_BYTES`, else 64 MiB. */
  maxBytes?: number;
  /** How long a session lives whose cookie ends with the browser, in milliseconds. Default: 24 hours. */
  defaultTtlMs?: number;
  /** How often expired sessions are swept, in milliseconds. Default: a minute. */
  sweepEveryMs?: number;
  /** The clock, in milliseconds since the epoch. */
  now?: () => number;
  /** Where the store says that it is full. */
  log?: Pick<BusLog, 'warn'>;
}

/** Options with every default filled in. */
export type PodSessionSettings = Required<Omit<PodSessionOptions, 'log'>> & Pick<PodSessionOptions, 'log'>;

const MIB = 1024 * 1024;
const DEFAULT_MAX_BYTES = 64 * MIB;
const DEFAULT_TTL_MS = 24 * 60 * 60 * 1000;
const DEFAULT_SWEEP_EVERY_MS = 60 * 1000;

/**
 * Fills in defaults and checks what is given.
 * @throws SessionError `E_SESSION_SETTING`
 */
export function readPodSessionSettings(
  options: PodSessionOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): PodSessionSettings {
  const fromEnvironment = env.FLOTILLA_SESSION_BYTES;
  const maxBytes =
    options.maxBytes === undefined && fromEnvironment
      ? checkedNumber('FLOTILLA_SESSION_BYTES', fromEnvironment, Number(fromEnvironment), 'bytes, e.g. 67108864')
      : checkedNumber('maxBytes', options.maxBytes, options.maxBytes ?? DEFAULT_MAX_BYTES, 'bytes, e.g. 67108864');
  return {
    maxBytes,
    defaultTtlMs: checkedNumber(
      'defaultTtlMs',
      options.defaultTtlMs,
      options.defaultTtlMs ?? DEFAULT_TTL_MS,
      'milliseconds, e.g. 86400000',
    ),
    sweepEveryMs: checkedNumber(
      'sweepEveryMs',
      options.sweepEveryMs,
      options.sweepEveryMs ?? DEFAULT_SWEEP_EVERY_MS,
      'milliseconds, e.g. 60000',
    ),
    now: options.now ?? Date.now,
    log: options.log,
  };
}

function checkedNumber(setting: string, given: unknown, value: number, unit: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new SessionError(
    'E_SESSION_SETTING',
    `The setting ${setting} of the pod's session store is ${inspect(given)}: give it a whole number of ${unit}.`,
  );
}
