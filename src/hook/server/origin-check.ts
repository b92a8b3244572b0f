import type { SailsApp } from '../../types/sails';

/**
 * The CORS settings for `onlyAllowOrigins`. Engine.IO applies them to every polling request and every upgrade, and
 * refuses a request for which `origin` answers with an error: one without an Origin header, or with `null`, included.
 * `credentials` lets listed pages poll with their session cookie.
 */
export function corsForOrigins(app: SailsApp, origins: string[]) {
  const allowed = new Set(origins);
  for (const origin of origins) {
    // Browsers write hosts in lower case and punycode, whatever the entry says.
    if (!origin.startsWith('file:')) allowed.add(new URL(origin).origin);
  }
  return {
    credentials: true,
    origin(origin: string | undefined, done: (error: Error | null, allow?: boolean) => void): void {
      if (origin !== undefined && allowed.has(origin)) {
        done(null, true);
        return;
      }
      const level = process.env.NODE_ENV === 'production' ? 'verbose' : 'debug';
      app.log[level](
        `A socket was refused: its origin is not listed in \`sails.config.sockets.onlyAllowOrigins\`: ${origin}`,
      );
      done(new Error('Origin not allowed'), false);
    },
  };
}

/**
 * The CORS settings for `beforeConnect`. Who may connect is decided at the handshake, and a connection's id is known to
 * nobody who was refused; a preflight carries nothing to decide by.
 */
export const CORS_FOR_BEFORE_CONNECT = { origin: true, credentials: true };
