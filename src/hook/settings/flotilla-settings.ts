import { isLinkName } from '../../bus/app-redis';
import { LINK_NAMES, type LinkName } from '../../bus/link/create-link';
import { DEFAULT_SESSION_STORE_SETTINGS } from '../../session/session-adapter';
import { type AdminUiSettings, readAdminUiSettings } from '../admin/admin-ui-settings';
import { settingError } from './setting-error';

/** `sails.config.flotilla`: what this package adds to the settings of sails-hook-sockets. */
export interface FlotillaSettings {
  /**
   * Redis, for a fleet of several pods: a URL or a settings object (docs/redis.md). Default: the environment's
   * `FLOTILLA_REDIS_URL`. `false`: no Redis, whatever the environment says.
   */
  redis?: unknown;
  /**
   * How pods reach each other, the same in all of them: `redis-streams`, `redis` or `redis-sharded` (docs/delivery.md).
   * Default `redis-streams`.
   */
  link?: LinkName;
  /**
   * With the link `redis-streams`: how much of the latest messages stays in Redis, in bytes, beside the bound of 100,000
   * messages; the latest 500 stay in any case. The same in all pods. Default 64 MiB.
   */
  maxLogBytes?: number;
  /** A larger broadcast is refused where it is sent, with `E_MESSAGE_TOO_LARGE`, in bytes. Default 16 MiB. */
  maxMessageBytes?: number;
  /**
   * How long a virtual response waits at most for the joins of its request to be effective everywhere, in
   * milliseconds. Default 1000; 0 never waits.
   */
  holdResponseMs?: number;
  /**
   * How long `sails.lower()` waits at most for virtual requests in flight and for `afterDisconnect`, in milliseconds.
   * Default 1000.
   */
  lowerTimeoutMs?: number;
  /**
   * What one worker of the fleet does before the first bootstrap, and no restarted one: functions by name, each of which
   * gets the app and may return a promise. The launcher runs them (docs/launcher.md).
   */
  once?: Record<string, (sails: unknown) => unknown>;
  /**
   * Whether Engine.IO 4 clients get an event `flotilla:drain`, `{ retryAfterMs }`, just before a drain closes their
   * connection; polling clients may miss it. Default `false`, since an `onAny` listener hears it too.
   */
  drainHint?: boolean;
  /**
   * Whether `GET /dependencies/sails.io.js` serves this package's client (docs/client.md) where the app has no such file.
   * Default `true`.
   */
  serveClient?: boolean;
  /**
   * How many virtual requests one socket may have in flight; what is more is answered with 429. Default 100; 0: any
   * number.
   */
  maxRequestsInFlight?: number;
  /**
   * How much may wait for one client that does not read, in bytes; then its connection is ended. Default 16 MiB; 0: any
   * amount.
   */
  maxBufferedBytes?: number;
  /**
   * At which age a connection is ended, in milliseconds, ± 10 %, so that clients spread over new workers and pods.
   * Default 0: never.
   */
  maxConnectionAgeMs?: number;
  /** How many handshakes each worker begins in a second; what is more waits. Default 300; 0: any number. */
  handshakesPerSecond?: number;
  /**
   * How long a handshake waits for its turn at most, in milliseconds; who would wait longer is answered 503 with
   * `Retry-After`. Default 10000.
   */
  handshakeWaitMs?: number;
  /** Lets Socket.IO's Admin UI connect; needs the package `@socket.io/admin-ui`. Default `false`. */
  adminUi?: false | AdminUiSettings;
  /**
   * How long an operation on the session store may take, in milliseconds: then the request is answered with 503, the
   * handshake too. Default 2000.
   */
  sessionTimeoutMs?: number;
  /** How often each process renews a session in use at most, in milliseconds. Default 60000. */
  sessionTouchMs?: number;
  /** How long a session lives in which nothing is stored yet, in milliseconds. Default 600000. */
  emptySessionMs?: number;
}

/** {@link FlotillaSettings} with their defaults. */
export type CompleteFlotillaSettings = FlotillaSettings &
  Required<
    Pick<
      FlotillaSettings,
      | 'holdResponseMs'
      | 'lowerTimeoutMs'
      | 'drainHint'
      | 'maxRequestsInFlight'
      | 'maxBufferedBytes'
      | 'maxConnectionAgeMs'
      | 'handshakesPerSecond'
      | 'handshakeWaitMs'
      | 'sessionTimeoutMs'
      | 'sessionTouchMs'
      | 'emptySessionMs'
    >
  >;

export const DEFAULT_FLOTILLA_SETTINGS: CompleteFlotillaSettings = {
  holdResponseMs: 1_000,
  lowerTimeoutMs: 1_000,
  drainHint: false,
  maxRequestsInFlight: 100,
  maxBufferedBytes: 16 * 1024 ** 2,
  maxConnectionAgeMs: 0,
  handshakesPerSecond: 300,
  handshakeWaitMs: 10_000,
  sessionTimeoutMs: DEFAULT_SESSION_STORE_SETTINGS.timeoutMs,
  sessionTouchMs: DEFAULT_SESSION_STORE_SETTINGS.touchEveryMs,
  emptySessionMs: DEFAULT_SESSION_STORE_SETTINGS.emptyTtlMs,
};

type Check = { accepts(value: unknown): boolean; cure: string };

const MILLISECONDS: Check = {
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  cure: 'Give a number of milliseconds, 0 or more.',
};

const POSITIVE_MILLISECONDS: Check = {
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
  cure: 'Give a number of milliseconds above 0.',
};

const BYTES: Check = {
  accepts: (value) => Number.isInteger(value) && (value as number) > 0,
  cure: 'Give a whole number of bytes.',
};

const COUNT: Check = {
  accepts: (value) => Number.isInteger(value) && (value as number) >= 0,
  cure: 'Give a whole number, 0 for no limit.',
};

const CHECKS: Record<keyof FlotillaSettings, Check> = {
  // Redis has a validation of its own, which knows where the value came from and hides secrets.
  redis: { accepts: () => true, cure: '' },
  link: { accepts: isLinkName, cure: `Give one of ${LINK_NAMES.join(', ')}.` },
  maxLogBytes: BYTES,
  maxMessageBytes: BYTES,
  holdResponseMs: MILLISECONDS,
  lowerTimeoutMs: MILLISECONDS,
  maxRequestsInFlight: COUNT,
  maxBufferedBytes: COUNT,
  maxConnectionAgeMs: {
    accepts: (value) => value === 0 || (typeof value === 'number' && Number.isFinite(value) && value >= 1_000),
    cure: 'Give a number of milliseconds, 1000 or more, e.g. 3600000 for an hour, or 0 for any age.',
  },
  handshakesPerSecond: COUNT,
  handshakeWaitMs: MILLISECONDS,
  // Has a validation of its own, which names the part that is wrong.
  adminUi: { accepts: () => true, cure: '' },
  sessionTimeoutMs: POSITIVE_MILLISECONDS,
  sessionTouchMs: MILLISECONDS,
  emptySessionMs: POSITIVE_MILLISECONDS,
  once: {
    accepts: (value) =>
      typeof value === 'object' && value !== null && Object.values(value).every((work) => typeof work === 'function'),
    cure: 'Give functions by name, e.g. { seed: async (sails) => { … } }.',
  },
  drainHint: { accepts: (value) => typeof value === 'boolean', cure: 'Give true or false.' },
  serveClient: { accepts: (value) => typeof value === 'boolean', cure: 'Give true or false.' },
};

/** Throws `E_FLOTILLA_SETTING` for a setting that is unknown or has an impossible value. */
export function validateFlotillaSettings(settings: unknown): CompleteFlotillaSettings {
  if (settings === undefined) return { ...DEFAULT_FLOTILLA_SETTINGS };
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    throw settingError(
      'sails.config.flotilla',
      settings,
      'Give an object of settings, or remove it (config/flotilla.js).',
    );
  }
  for (const [name, value] of Object.entries(settings)) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw settingError(
        `sails.config.flotilla.${name}`,
        value,
        `There is no such setting; the known ones are ${Object.keys(CHECKS).join(', ')}.`,
      );
    }
    const check = CHECKS[name as keyof FlotillaSettings];
    if (value !== undefined && !check.accepts(value))
      throw settingError(`sails.config.flotilla.${name}`, value, check.cure);
  }
  readAdminUiSettings((settings as FlotillaSettings).adminUi);
  return { ...DEFAULT_FLOTILLA_SETTINGS, ...settings };
}
