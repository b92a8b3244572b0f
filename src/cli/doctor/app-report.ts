import type { LinkName } from '../../bus/link/create-link';
import type { RedisDocument } from '../../redis';

/** What the doctor must know of an app's configuration: plain data, read in a process of its own. */
export interface AppReport {
  environment: string;
  /** The Redis of the fleet, secrets included: it goes through a pipe to the doctor and is never printed. */
  redis: RedisDocument | null;
  /** Why the Redis setting cannot be used. */
  redisTrouble: string | null;
  /** `sails.config.flotilla.link`, where it names one. */
  link: LinkName | null;
  /** `sails.config.flotilla.maxLogBytes` */
  maxLogBytes: number | null;
  /** Whether connection state recovery is on. */
  recovers: boolean;
  sockets: {
    transports: unknown;
    onlyAllowOrigins: unknown;
    hasBeforeConnect: boolean;
    adapter: unknown;
  };
  session: {
    isDisabled: boolean;
    /** Length of the secret; `null` where there is none. */
    secretLength: number | null;
    adapter: string | null;
    cookieSecure: unknown;
  };
  trustProxy: string;
  tls: boolean;
  lowerTimeoutMs: unknown;
}

/** The app's configuration could not be loaded. */
export interface AppTrouble {
  trouble: string;
}
