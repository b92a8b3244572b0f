import { RedisConnectionError } from './errors';
import type { RedisSettings } from './settings';

const CERTIFICATE_CODES = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/**
 * ioredis puts the command that failed onto the error, arguments included; for AUTH they hold the password. What is
 * passed on to callers and logs must not.
 */
export function hideSecrets(error: unknown, depth = 0): void {
  if (typeof error !== 'object' || error === null || depth > 3) return;
  const carrier = error as { command?: { name?: unknown; args?: unknown }; lastNodeError?: unknown; cause?: unknown };
  if (carrier.command && ['auth', 'hello'].includes(String(carrier.command.name).toLowerCase())) {
    carrier.command.args = [];
  }
  hideSecrets(carrier.lastNodeError, depth + 1);
  hideSecrets(carrier.cause, depth + 1);
}

/** What went wrong with a connection, in words that name the setting and the cure. No secret is in it. */
export function explainTrouble(error: unknown, settings: RedisSettings): RedisConnectionError {
  const inner = lastNodeErrorOf(error) ?? error;
  const code = stringField(inner, 'code');
  const reason = plain(inner instanceof Error ? inner.message : String(inner));
  const where = `Redis at ${settings} (${settings.source})`;

  if (CERTIFICATE_CODES.has(code)) {
    return new RedisConnectionError(
      'E_REDIS_CERTIFICATE',
      `${where} shows a certificate that no known authority signed (${code}). ` +
        'Set FLOTILLA_REDIS_CA (or tls.ca) to the PEM file of the certificate authority that signed it.',
    );
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return new RedisConnectionError(
      'E_REDIS_CERTIFICATE',
      `${where} shows a certificate that is not valid now (${code}). Renew it, and check the clocks.`,
    );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new RedisConnectionError(
      'E_REDIS_CERTIFICATE',
      `${where} shows a certificate for another name (${reason}). ` +
        'Connect to a name that is in the certificate, or set FLOTILLA_REDIS_SERVERNAME (tls.servername) to that name.',
    );
  }
  if (/alert certificate required|alert handshake failure|alert bad certificate|alert unknown ca/i.test(reason)) {
    return new RedisConnectionError(
      'E_REDIS_CERTIFICATE',
      `${where} asks for a client certificate that it accepts (${reason}). ` +
        'Set FLOTILLA_REDIS_CERT and FLOTILLA_REDIS_KEY (tls.cert, tls.key) to one that its certificate authority signed.',
    );
  }
  if (/wrong version number|packet length too long|before secure TLS connection was established/i.test(reason)) {
    return new RedisConnectionError(
      'E_REDIS_TLS',
      `${where} does not answer in TLS (${reason}). Use the TLS port of this Redis, or redis:// for plain text.`,
    );
  }
  if (/^(WRONGPASS|NOAUTH|NOPERM)|invalid password/.test(reason.replace(SENTINELS_FAILED, ''))) {
    const cure = SENTINELS_FAILED.test(reason)
      ? 'Check sentinelPassword (FLOTILLA_REDIS_SENTINEL_PASSWORD), and sentinelUsername where there is one.'
      : 'Check user name and password (percent-encoded in an address: @ is %40, : is %3A, / is %2F), and the rights of the user (docs/redis.md lists them).';
    return new RedisConnectionError(
      'E_REDIS_AUTH',
      `${where} refuses the login (${reason.replace(SENTINELS_FAILED, '')}). ${cure}`,
    );
  }
  if (/cluster support disabled/i.test(reason)) {
    return new RedisConnectionError(
      'E_REDIS_SERVER',
      `${where} is no Redis Cluster. Write redis://host:6379 (host and port) for a single server.`,
    );
  }
  if (/No such master with that name/.test(reason)) {
    return new RedisConnectionError(
      'E_REDIS_SERVER',
      `The Sentinels at ${settings} (${settings.source}) know no master of this name. ` +
        'Check name, the last part of the address; "redis-cli -p 26379 sentinel masters" lists the names.',
    );
  }
  if (SENTINELS_FAILED.test(reason)) {
    const last = reason.replace(SENTINELS_FAILED, '');
    const detail = last === 'Connection is closed' ? '' : ` (${last})`;
    return new RedisConnectionError(
      'E_REDIS_UNREACHABLE',
      `${where}: no Sentinel leads to a master${detail}. Check that the Sentinels run and that this machine may reach them.`,
    );
  }
  const tls = settings.toDocument().tls !== undefined;
  if (code === 'ECONNRESET' || /^Connection is closed|closed before it was ready/.test(reason)) {
    const hint = tls
      ? 'Check that it takes TLS on this port.'
      : 'If it speaks only TLS, write rediss:// in place of redis://.';
    return new RedisConnectionError(
      'E_REDIS_UNREACHABLE',
      `${where} closed the connection before it was ready. ${hint}`,
    );
  }
  const hint =
    tls && /TIMEDOUT|no answer/.test(`${code} ${reason}`)
      ? ' If this port speaks no TLS, write redis:// in place of rediss://.'
      : '';
  return new RedisConnectionError(
    'E_REDIS_UNREACHABLE',
    `${where} cannot be reached (${reason}). Check that it runs and that this machine may reach it.${hint}`,
  );
}

const SENTINELS_FAILED = /^All sentinels are unreachable.*? (?:Last error: |disabled$)/;

/** OpenSSL's messages carry a thread, a file and a line; only what it says is wanted. */
function plain(reason: string): string {
  const openssl = /:SSL routines:[^:]*:([^:]+):/.exec(reason);
  return (openssl?.[1] ?? reason).replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}

function lastNodeErrorOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'lastNodeError' in error ? error.lastNodeError : undefined;
}

function stringField(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const field = (value as Record<string, unknown>)[name];
  return typeof field === 'string' ? field : '';
}
