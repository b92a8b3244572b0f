import type { Socket } from 'socket.io';
import type { SailsApp, SessionData } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { makeCookie } from './make-cookie';
import { readSession, storeOf, writeSession } from './read-store';
import { putCookieFirst, sessionCookieName } from './session-cookie';

/** A socket's session outside of requests. Without an id it is a stand-in that can't be saved. */
export interface HandshakeSession {
  id: string | undefined;
  session: SessionData;
}

/**
 * Loads the session of a socket for the app's life-cycle functions.
 * @throws SessionUnavailableError
 */
export async function loadHandshakeSession(runtime: HookRuntime, socket: Socket): Promise<HandshakeSession> {
  const store = storeOf(runtime);
  const known = runtime.sessions.of(socket);
  if (!store || !known) return { id: undefined, session: {} };
  const found = await readSession(runtime, store, known.id);
  if (found) return { id: known.id, session: found as unknown as SessionData };
  if (known.isFresh) return { id: known.id, session: { cookie: makeCookie(store, socket.handshake.headers) } };
  return { id: undefined, session: {} };
}

/** Saves what a life-cycle function of the app has changed. */
export async function saveHandshakeSession(runtime: HookRuntime, { id, session }: HandshakeSession): Promise<void> {
  const store = storeOf(runtime);
  if (store && id !== undefined) await writeSession(runtime, store, id, session as never);
}

/** A virtual response that sets a session cookie updates the handshake: the cookie never reaches the client's scripts. */
export function followSessionCookie(app: SailsApp, handshake: Socket['handshake'], setCookie: unknown): void {
  const lines = Array.isArray(setCookie) ? setCookie : [setCookie];
  const name = `${sessionCookieName(app)}=`;
  for (const line of lines) {
    if (typeof line === 'string' && line.startsWith(name)) {
      putCookieFirst(handshake.headers, line.split(';', 1)[0] as string);
    }
  }
}
