import type { Socket } from 'socket.io';
import type { SailsApp, SailsSessionHook, SessionData } from '../../types/sails';

/** The session that belongs to a socket's handshake. Without an id it is a stand-in that can't be saved. */
export interface HandshakeSession {
  id: string | undefined;
  session: SessionData;
}

/**
 * Whether a client has asked for no session, by header or query (browsers can't send headers with a websocket).
 */
export function wantsNoSession(handshake: Socket['handshake']): boolean {
  return Boolean(handshake.headers.nosession || handshake.query.nosession);
}

/**
 * Makes sure that a connecting socket has a session: the one that its cookie names, else a new one whose cookie is put
 * in front of the handshake's other cookies, where the virtual requests of this socket find it.
 * sails-hook-sockets makes one only where there is no cookie at all, so that any other cookie costs the session.
 */
export async function ensureHandshakeSession(app: SailsApp, handshake: Socket['handshake']): Promise<void> {
  const { session: sessions } = app;
  if (!sessions || wantsNoSession(handshake)) return;
  const sid = sessionIdOf(sessions, handshake);
  if (sid !== undefined && (await exists(sessions, sid))) return;
  const cookie = sessions.generateNewSidCookie();
  prependCookie(handshake, cookie);
  await save(sessions, sessions.parseSessionIdFromCookie(cookie), { cookie: { httpOnly: true, path: '/' } });
  app.log.verbose(
    'A socket connected without the cookie of a session: it has a new one, for as long as it stays connected.',
  );
}

/** Loads the session of a socket's handshake. Rejects when it can't be loaded. */
export async function loadHandshakeSession(app: SailsApp, handshake: Socket['handshake']): Promise<HandshakeSession> {
  const { session: sessions } = app;
  if (!sessions || wantsNoSession(handshake)) return { id: undefined, session: {} };
  const id = sessionIdOf(sessions, handshake);
  if (id === undefined) return { id: undefined, session: {} };
  return { id, session: await load(sessions, id) };
}

/**
 * Follows a change of the session id: a virtual response that sets a new session cookie (after `regenerate()`, or
 * where the session had gone) updates the handshake, since the cookie itself never reaches the client's scripts.
 */
export function followSessionCookie(app: SailsApp, handshake: Socket['handshake'], setCookie: unknown): void {
  const lines = Array.isArray(setCookie) ? setCookie : [setCookie];
  const name = `${app.config.session?.name ?? 'sails.sid'}=`;
  for (const line of lines) {
    if (typeof line === 'string' && line.startsWith(name)) prependCookie(handshake, line.split(';', 1)[0] as string);
  }
}

/** Puts a cookie first, in the place of any other of its name: parsers take the first. */
function prependCookie(handshake: Socket['handshake'], cookie: string): void {
  const name = cookie.slice(0, cookie.indexOf('=') + 1);
  const others = (handshake.headers.cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '' && !part.startsWith(name));
  handshake.headers.cookie = [cookie, ...others].join('; ');
}

function sessionIdOf(sessions: SailsSessionHook, handshake: Socket['handshake']): string | undefined {
  const { cookie } = handshake.headers;
  if (!cookie) return undefined;
  try {
    return sessions.parseSessionIdFromCookie(cookie);
  } catch {
    return undefined;
  }
}

/** Core's session hook reports a session that does not exist as an error with this code. */
const NO_SUCH_SESSION = 'E_SESSION';

async function exists(sessions: SailsSessionHook, id: string): Promise<boolean> {
  try {
    await load(sessions, id);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === NO_SUCH_SESSION) return false;
    throw error;
  }
}

function load(sessions: SailsSessionHook, id: string): Promise<SessionData> {
  return new Promise((resolve, reject) => {
    sessions.get(id, (error, session) => {
      if (error) reject(error);
      else resolve(session as SessionData);
    });
  });
}

/** Saves a session under its id. */
export function save(sessions: SailsSessionHook, id: string, session: SessionData): Promise<void> {
  return new Promise((resolve, reject) => {
    sessions.set(id, session, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
