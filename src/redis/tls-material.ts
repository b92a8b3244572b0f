import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeValue, HIDDEN } from './describe';
import { RedisSettingError } from './errors';
import { isGiven } from './given-values';
import type { RedisTls } from './settings';

const TLS_KEYS = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'] as const;
const PEM_BLOCK = /-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/g;
const PEM_CURE = 'Give the path of a PEM file, the PEM text itself (-----BEGIN …) or a buffer that holds it.';

/** What parts of `tls` are called in messages where they come from elsewhere, e.g. `FLOTILLA_REDIS_CA`. */
export type TlsNames = Partial<Record<(typeof TLS_KEYS)[number], string>>;

/**
 * Reads `tls`: `true` (the system's certificate authorities), `false`, or an object of certificates and names.
 * Files are read here, once, so that what comes out is plain data that another process can use.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function readTls(value: unknown, setting: string, names: TlsNames = {}): RedisTls | undefined {
  if (value === undefined || value === null || value === false) return undefined;
  if (value === true) return {};
  if (typeof value !== 'object' || Array.isArray(value) || Buffer.isBuffer(value)) {
    throw new RedisSettingError(
      setting,
      HIDDEN,
      'this is neither true, false nor an object.',
      `Write { ca: '/path/ca.pem' }; the keys are ${TLS_KEYS.join(', ')}.`,
    );
  }
  const input = value as Record<string, unknown>;
  for (const name of Object.keys(input)) {
    if (!(TLS_KEYS as readonly string[]).includes(name)) {
      throw new RedisSettingError(
        `${setting}.${name}`,
        HIDDEN,
        'there is no such setting.',
        `The keys are ${TLS_KEYS.join(', ')}.`,
      );
    }
  }
  const nameOf = (part: (typeof TLS_KEYS)[number]): string => names[part] ?? `${setting}.${part}`;
  const tls: RedisTls = {};
  if (Array.isArray(input.ca)) tls.ca = input.ca.map((item, index) => readPem(item, `${nameOf('ca')}[${index}]`));
  else if (isGiven(input.ca)) tls.ca = [readPem(input.ca, nameOf('ca'))];
  if (isGiven(input.cert)) tls.cert = readPem(input.cert, nameOf('cert'));
  if (isGiven(input.key)) tls.key = readPem(input.key, nameOf('key'));
  if (isGiven(input.passphrase)) tls.passphrase = readText(input.passphrase, nameOf('passphrase'), true);
  if (isGiven(input.servername)) tls.servername = readText(input.servername, nameOf('servername'), false);
  if (isGiven(input.rejectUnauthorized)) {
    tls.rejectUnauthorized = readSwitch(input.rejectUnauthorized, nameOf('rejectUnauthorized'));
  }
  checkTls(tls, nameOf);
  return tls;
}

/** Refuses certificates that OpenSSL cannot load, at lift and not at the first connection. */
function checkTls(tls: RedisTls, nameOf: (part: 'ca' | 'cert' | 'key') => string): void {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    const missing = tls.cert === undefined ? 'cert' : 'key';
    throw new RedisSettingError(nameOf(missing), 'missing', 'a client certificate needs both cert and key.', PEM_CURE);
  }
  const load = (part: 'ca' | 'cert' | 'key', attempt: () => unknown): void => {
    try {
      attempt();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RedisSettingError(nameOf(part), HIDDEN, `OpenSSL cannot load it (${reason}).`, PEM_CURE);
    }
  };
  const { ca, cert, key, passphrase } = tls;
  // createSecureContext() passes over a certificate authority that it cannot read.
  for (const block of ca?.join('\n').match(PEM_BLOCK) ?? []) load('ca', () => new X509Certificate(block));
  if (cert && key) {
    load('cert', () => createSecureContext({ cert }));
    load('key', () => createSecureContext({ cert, key, ...(passphrase === undefined ? {} : { passphrase }) }));
  }
}

function readPem(value: unknown, setting: string): string {
  const given = Buffer.isBuffer(value) ? value.toString('utf8') : value;
  if (typeof given !== 'string')
    throw new RedisSettingError(setting, describeValue(value), 'this is no certificate or key.', PEM_CURE);
  // Environment variables and JSON often carry PEM text on one line.
  if (given.includes('-----BEGIN ')) return given.replaceAll('\\n', '\n');
  if (Buffer.isBuffer(value) || given.includes('\n')) {
    throw new RedisSettingError(setting, HIDDEN, 'this is no PEM text.', PEM_CURE);
  }
  let text: string;
  try {
    text = readFileSync(given, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new RedisSettingError(setting, shortPath(given), `the file cannot be read (${reason}).`, PEM_CURE);
  }
  if (!text.includes('-----BEGIN ')) {
    throw new RedisSettingError(setting, shortPath(given), 'the file holds no PEM text.', PEM_CURE);
  }
  return text;
}

/** A mistaken value may be the base64 of a key: only what is short enough for a path is printed. */
function shortPath(value: string): string {
  return value.length <= 200 && /^(~|\.{0,2}\/)|\.[A-Za-z]{2,5}$/.test(value) ? JSON.stringify(value) : HIDDEN;
}

function readText(value: unknown, setting: string, secret: boolean): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new RedisSettingError(setting, secret ? HIDDEN : describeValue(value), 'this is no text.', 'Write a string.');
}

function readSwitch(value: unknown, setting: string): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw new RedisSettingError(
    setting,
    describeValue(value),
    'this is neither true nor false.',
    'Leave it out: certificates are then checked.',
  );
}
