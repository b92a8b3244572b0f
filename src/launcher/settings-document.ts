import type { LinkName } from '../bus/link/create-link';
import { type RedisDocument, RedisSettings, type RedisTls } from '../redis';
import { LauncherError } from './errors';

/**
 * What a worker tells the primary about its app after `sails.config` is loaded and before anything else of the app is:
 * plain data. The primary opens its listener by it, and every worker must bring the same.
 */
export interface SettingsDocument {
  /** Path of the app. */
  appPath: string;
  /** `sails.config.environment`. */
  environment: string;
  /** `sails.config.port`: a port, or the path of a local socket. */
  port: number | string;
  /** `sails.config.explicitHost`. */
  explicitHost: string | null;
  /** `sails.config.sockets.path`. */
  socketPath: string;
  /** Whether the app itself speaks TLS (`sails.config.ssl`). */
  tls: boolean;
  /** `sails.config.http.trustProxy`; a function is told by its source. */
  trustProxy: string;
  /** `sails.config.session.adapter`. */
  sessionAdapter: string | null;
  /** A digest of `sails.config.session.secret`, never the secret. */
  sessionSecretDigest: string | null;
  /**
   * The keys that pods prove to each other, in hexadecimal. They are derived, so that no secret can be read from them; but
   * they are never printed.
   */
  peerKeys: string[];
  /** Redis of the fleet, secrets included: it travels over the private channel to the primary, and is never printed. */
  redis: RedisDocument | null;
  /** `sails.config.flotilla.link` */
  link: LinkName | null;
  /** `sails.config.flotilla.maxLogBytes` */
  maxLogBytes: number | null;
}

/** Where the world reaches the pod. */
export interface PublicAddress {
  /** The port, or the path of a local socket. */
  port: number | string;
  /** The address it is bound to. */
  address: string;
  family: string;
  /** For people: an address to open in a browser. */
  url: string;
}

/**
 * Checks what a worker sent.
 * @throws LauncherError `E_SETTINGS_DOCUMENT`
 */
export function validateSettings(value: unknown): SettingsDocument {
  const document = value as Partial<SettingsDocument> | null;
  if (typeof document !== 'object' || document === null) throw invalid('settings', value, 'an object');
  const { port, explicitHost, socketPath } = document;
  const isPort = typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (!isPort && !(typeof port === 'string' && port !== '')) {
    throw invalid('port', port, 'a whole number from 0 to 65535 (--port, PORT or sails.config.port)');
  }
  if (explicitHost !== null && (typeof explicitHost !== 'string' || explicitHost === '')) {
    throw invalid('explicitHost', explicitHost, 'the name or address of one of this machine’s interfaces, or nothing');
  }
  if (typeof socketPath !== 'string' || !socketPath.startsWith('/')) {
    throw invalid('sockets.path', socketPath, 'a path that begins with a slash, such as /socket.io');
  }
  return document as SettingsDocument;
}

/** The settings in which two documents differ, as lines for people. */
export function differencesBetween(agreed: SettingsDocument, other: SettingsDocument): string[] {
  return changedKeys(agreed, other).map(
    (key) => `${key} is ${printable(other, key)} here and ${printable(agreed, key)} in the workers before`,
  );
}

/** The settings in which two documents differ. */
export function changedKeys(agreed: SettingsDocument, other: SettingsDocument): Array<keyof SettingsDocument> {
  const keys = new Set([...Object.keys(agreed), ...Object.keys(other)]) as Set<keyof SettingsDocument>;
  return [...keys].filter((key) => comparable(agreed, key) !== comparable(other, key));
}

/** Certificates are renewed while a pod runs, and each process reads the files when it starts: they may differ. */
const RENEWED: ReadonlySet<string> = new Set<keyof RedisTls>(['ca', 'cert', 'key', 'passphrase']);

function comparable(document: SettingsDocument, key: keyof SettingsDocument): string | undefined {
  if (key !== 'redis') return JSON.stringify(document[key]);
  return JSON.stringify(document.redis, (name, value) => (RENEWED.has(name) && value ? true : value));
}

function printable(document: SettingsDocument, key: keyof SettingsDocument): string {
  if (key === 'redis' && document.redis) return String(RedisSettings.fromDocument(document.redis));
  if (key === 'peerKeys') return `(${document.peerKeys.length} secret)`;
  return show(document[key]);
}

function invalid(setting: string, value: unknown, wanted: string): LauncherError {
  return new LauncherError(
    'E_SETTINGS_DOCUMENT',
    `sails.config.${setting} is ${show(value)}; under the launcher it must be ${wanted}.`,
  );
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
