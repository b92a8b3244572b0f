import { HookError } from '../errors';
import { settingError } from '../settings/setting-error';

/** `sails.config.flotilla.adminUi`: Socket.IO's Admin UI, through the package `@socket.io/admin-ui`. */
export interface AdminUiSettings {
  /** Who may use it: name, and password as a bcrypt hash. `false` lets everybody in; refused in production. */
  auth: false | { username: string; password: string };
  /** The namespace it connects to. Default `/admin`. */
  namespace?: string;
  /** Whether it only shows. Default `true`; with `false` it can emit, join, leave and disconnect. */
  readonly?: boolean;
  /**
   * `production`: counts only; `development`: every socket, room and event. Default: `production` where NODE_ENV is that,
   * else `development`.
   */
  mode?: 'development' | 'production';
}

const NAME = 'sails.config.flotilla.adminUi';
const BCRYPT_HASH = /^\$2[aby]?\$\d\d\$[./A-Za-z0-9]{53}$/;

type Check = { accepts(value: unknown): boolean; cure: string };

const CHECKS: Record<keyof AdminUiSettings, Check> = {
  auth: {
    accepts: (value) => value === false || isCredentials(value),
    cure:
      'Give { username, password } with the password as a bcrypt hash, e.g. from "htpasswd -nBC 10 admin"; ' +
      'false lets everybody in, and is for development only.',
  },
  namespace: {
    accepts: (value) => typeof value === 'string' && /^\/.+/.test(value),
    cure: 'Give the name of a namespace, e.g. "/admin".',
  },
  readonly: { accepts: (value) => typeof value === 'boolean', cure: 'Give true or false.' },
  mode: {
    accepts: (value) => value === 'development' || value === 'production',
    cure: 'Give "development" or "production".',
  },
};

/**
 * Checks the setting. Throws `E_FLOTILLA_SETTING`, and `E_ADMIN_UI_OPEN` where it would be open to everybody in production.
 * @returns `undefined` where it is off
 */
export function readAdminUiSettings(given: unknown): Required<AdminUiSettings> | undefined {
  if (given === undefined || given === false) return undefined;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw settingError(NAME, given, 'Give false, or { auth: { username, password } }.');
  }
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(CHECKS, name)) {
      const known = Object.keys(CHECKS).join(', ');
      throw settingError(`${NAME}.${name}`, value, `There is no such setting; the known ones are ${known}.`);
    }
    const check = CHECKS[name as keyof AdminUiSettings];
    // what should have been a hash may be the password itself: it is not repeated
    if (value !== undefined && !check.accepts(value)) {
      throw settingError(`${NAME}.${name}`, name === 'auth' ? withoutPassword(value) : value, check.cure);
    }
  }
  const { auth, namespace = '/admin', readonly = true, mode } = given as AdminUiSettings;
  if (auth === undefined) throw settingError(`${NAME}.auth`, auth, CHECKS.auth.cure);
  const inProduction = process.env.NODE_ENV === 'production';
  if (auth === false && inProduction) {
    throw new HookError(
      'E_ADMIN_UI_OPEN',
      `In production, \`${NAME}.auth\` must not be false: everybody could look at all sockets. ` +
        'Give { username, password } with the password as a bcrypt hash.',
    );
  }
  return { auth, namespace, readonly, mode: mode ?? (inProduction ? 'production' : 'development') };
}

function isCredentials(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { username, password, type, ...rest } = value as Record<string, unknown>;
  return (
    typeof username === 'string' &&
    username !== '' &&
    typeof password === 'string' &&
    BCRYPT_HASH.test(password) &&
    (type === undefined || type === 'basic') &&
    Object.keys(rest).length === 0
  );
}

function withoutPassword(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('password' in value)) return typeof value;
  return { ...value, password: 'no bcrypt hash, or hidden here' };
}
