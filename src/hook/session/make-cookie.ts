import type { IncomingHttpHeaders } from 'node:http';
import type session from 'express-session';

/** A new session's cookie by the app's settings, as plain data: express-session makes it with the session. */
export function makeCookie(store: session.Store, headers: IncomingHttpHeaders): session.Cookie {
  const draft = { headers } as { headers: IncomingHttpHeaders; session?: session.Session };
  (store as unknown as { generate(request: object): void }).generate(draft);
  const { cookie } = draft.session as unknown as { cookie: { toJSON(): session.Cookie } };
  return cookie.toJSON();
}
