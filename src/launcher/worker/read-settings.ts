import { createHash } from 'node:crypto';
import { isLinkName, resolveAppRedis } from '../../bus/app-redis';
import { derivePeerKeys } from '../peer/peer-keys';
import type { SettingsDocument } from '../settings-document';
import type { SailsConfig } from './sails-app';

/** Sails' own defaults, which its hooks fill in later than we look. */
const DEFAULT_PORT = 1337;
const DEFAULT_SOCKET_PATH = '/socket.io';

/**
 * Reads from a loaded `sails.config` what the primary must know. Wrong values travel as they are: the primary refuses them.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function readSettings(config: SailsConfig, appPath: string): SettingsDocument {
  const { environment = 'development', explicitHost, flotilla, http, session, sockets } = config;
  const redis = resolveAppRedis({ appPath, flotilla, sockets: sockets as Record<string, unknown> | undefined });
  return {
    appPath,
    environment,
    port: readPort(config.port ?? DEFAULT_PORT),
    explicitHost: (explicitHost ?? null) as string | null,
    socketPath: (sockets?.path ?? DEFAULT_SOCKET_PATH) as string,
    tls: speaksTls(config.ssl),
    trustProxy: show(http?.trustProxy ?? false),
    sessionAdapter: session?.adapter === undefined ? null : show(session.adapter),
    sessionSecretDigest:
      typeof session?.secret === 'string' ? createHash('sha256').update(session.secret).digest('hex') : null,
    peerKeys: derivePeerKeys(session?.secret).map((key) => key.toString('hex')),
    redis: redis?.toDocument() ?? null,
    // Other values are refused by the hook, with their names.
    link: isLinkName(flotilla?.link) ? flotilla.link : null,
    maxLogBytes: typeof flotilla?.maxLogBytes === 'number' ? flotilla.maxLogBytes : null,
  };
}

/** `PORT` and Azure's pipes come as text. */
function readPort(port: unknown): number | string {
  return typeof port === 'string' && /^\d+$/.test(port) ? Number(port) : (port as number | string);
}

/** The rule of Sails' http hook (sails 1.5, lib/hooks/http/initialize.js). */
function speaksTls(ssl: SailsConfig['ssl']): boolean {
  if (!ssl) return false;
  return ssl === true || Boolean((ssl.key && ssl.cert) || ssl.pfx);
}

function show(value: unknown): string {
  return typeof value === 'function' ? String(value) : (JSON.stringify(value) ?? String(value));
}
