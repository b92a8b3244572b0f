import { inspect } from 'node:util';
import { HookError } from '../errors';

/**
 * Checks an entry of `onlyAllowOrigins`: it must be what a browser sends as `Origin`, since entries are compared whole.
 * `file://` is let through for apps that run in a web view. Throws `E_INVALID_ORIGIN`.
 */
export function assertOrigin(origin: unknown): void {
  if (typeof origin !== 'string' || origin === '')
    throw invalid(origin, 'Give a non-empty string, e.g. "https://example.com".');
  if (origin.startsWith('file://')) return;
  if (!/^https?:\/\//.test(origin)) throw invalid(origin, 'Begin with http:// or https://.');
  let url: URL;
  try {
    url = new URL(origin);
  } catch {
    throw invalid(
      origin,
      'Give scheme, host and, where it is not the default, the port, e.g. "https://example.com:8443".',
    );
  }
  if (/:(80|443)\/?$/.test(origin) && url.port === '')
    throw invalid(origin, `Leave out the port: it is implied by ${url.protocol}//.`);
  if (origin.endsWith('/') && url.pathname === '/') throw invalid(origin, 'Leave out the trailing slash.');
  if (url.pathname !== '/' || url.search || url.hash || url.username) {
    throw invalid(origin, `Leave out everything but scheme, host and port: "${url.origin}".`);
  }
}

function invalid(origin: unknown, cure: string): HookError {
  return new HookError(
    'E_INVALID_ORIGIN',
    `\`sails.config.sockets.onlyAllowOrigins\` has an invalid entry: ${inspect(origin)}. ${cure}`,
  );
}

/** Whether an origin is this very machine under a local name. */
export function isLocalOrigin(origin: string): boolean {
  return /^https?:\/\/(localhost|127\.0\.0\.1)(:|$)/.test(origin);
}
