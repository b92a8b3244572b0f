import { createHmac } from 'node:crypto';
import type { SailsApp, SailsSessionHook } from '../../types/sails';

/** The name of the session's cookie. */
export function sessionCookieName({ config }: SailsApp): string {
  return config.session?.name ?? 'sails.sid';
}

/** The id that a cookie header names; `undefined` without a cookie, without a signature, or with a bad one. */
export function readSessionId(sessions: SailsSessionHook, cookieHeader: string | undefined): string | undefined {
  if (!cookieHeader) return undefined;
  try {
    return sessions.parseSessionIdFromCookie(cookieHeader);
  } catch {
    return undefined;
  }
}

/** `name=value` for a session's id, signed as express-session signs it (cookie-signature 1). */
export function writeSessionCookie(app: SailsApp, sessionId: string): string {
  const secret = String(app.config.session?.secret);
  const signature = createHmac('sha256', secret).update(sessionId).digest('base64').replace(/=+$/, '');
  return `${sessionCookieName(app)}=${encodeURIComponent(`s:${sessionId}.${signature}`)}`;
}

/** Puts a cookie first in a header, in the place of any other of its name: parsers take the first. */
export function putCookieFirst(headers: { cookie?: string | undefined }, cookie: string): void {
  const name = cookie.slice(0, cookie.indexOf('=') + 1);
  const others = (headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith(name));
  headers.cookie = [cookie, ...others].join('; ');
}
