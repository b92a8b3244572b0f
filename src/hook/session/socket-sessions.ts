import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type session from 'express-session';
import type { Socket } from 'socket.io';
import { MostlyOne } from '../mostly-one';
import type { HookRuntime } from '../runtime';
import { readSession, storeOf } from './read-store';
import { putCookieFirst, readSessionId, writeSessionCookie } from './session-cookie';

/** The session that a socket's requests have. */
export interface SocketSession {
  id: string;
  /** Nothing was ever stored under this id: a session may be made under it, although the store knows none. */
  isFresh: boolean;
  /** When one of its requests last renewed it, in milliseconds since the epoch. */
  touchedAt: number;
}

/** What a handshake's session is known by. Socket.IO hands on the headers of the client's first HTTP request. */
type Headers = IncomingMessage['headers'];

/** What is known of a handshake. */
interface Handshake {
  /** The session that the client's own cookie named, whether there is one or not. */
  presented: string | undefined;
  /** The cookie header that names `session`. */
  cookie: string | undefined;
  session: SocketSession | undefined;
}

/** As many random bytes as core's own ids have. */
const ID_BYTES = 24;

/**
 * The sessions of connected sockets: which one each has, and which sockets each has. A client's cookie can't be changed over
 * a socket: what changes is the cookie in the handshake, on this side.
 */
export class SocketSessions {
  readonly #handshakes = new WeakMap<Headers, Handshake>();
  readonly #socketsOf = new Map<string, Socket | Set<Socket>>();
  readonly #sockets = new MostlyOne<string, Socket>(this.#socketsOf);
  readonly #idOf = new WeakMap<Socket, string>();

  constructor(private readonly runtime: HookRuntime) {}

  /**
   * Makes sure that a connecting client has a session: the one that its cookie names, else a new one, which nothing is
   * stored of before a request stores something.
   * @throws SessionUnavailableError
   */
  async prepare(request: { headers: Headers; url?: string | undefined }): Promise<void> {
    const { headers } = request;
    const store = storeOf(this.runtime);
    const { session: sessions } = this.runtime.app;
    if (!store || !sessions || wantsNoSession(request) || this.#handshakes.get(headers)?.session) return;
    const id = readSessionId(sessions, headers.cookie);
    this.#handshakes.set(headers, { presented: id, cookie: undefined, session: undefined });
    const found = id === undefined ? undefined : await readSession(this.runtime, store, id);
    if (id !== undefined && found !== undefined) {
      this.#remember(headers, { id, isFresh: isEmpty(found), touchedAt: 0 });
      return;
    }
    this.#renew(headers);
    this.runtime.app.log.verbose(
      'A socket connects without the cookie of a session: it has a new one, for as long as it stays connected.',
    );
  }

  /** The session of a socket; `undefined` where it has none, by its own wish or the app's. */
  of(socket: Socket): SocketSession | undefined {
    const { headers } = socket.handshake;
    const known = this.#handshakes.get(headers);
    if (known?.session && known.cookie === headers.cookie) return known.session;
    const { session: sessions } = this.runtime.app;
    if (!sessions || wantsNoSession(socket.request)) return undefined;
    // The app has put another cookie into the handshake.
    const id = readSessionId(sessions, headers.cookie);
    const session = id === undefined ? this.#renew(headers) : { id, isFresh: false, touchedAt: 0 };
    if (id !== undefined) this.#remember(headers, session);
    this.#index(socket, session.id);
    return session;
  }

  /** The session that a client's own cookie named when it connected. */
  presentedBy(headers: Headers): string | undefined {
    return this.#handshakes.get(headers)?.presented;
  }

  /** A client that has come back goes on with the session that it had. */
  adopt(headers: Headers, id: string, isFresh: boolean): void {
    putCookieFirst(headers, writeSessionCookie(this.runtime.app, id));
    this.#remember(headers, { id, isFresh, touchedAt: 0 });
  }

  /** Gives a socket a new session in the place of one that has gone. */
  replace(socket: Socket): SocketSession {
    const session = this.#renew(socket.handshake.headers);
    this.#index(socket, session.id);
    return session;
  }

  /** A request of the socket has changed to another session, as `regenerate()` does. */
  follow(socket: Socket, id: string, isFresh: boolean): SocketSession {
    const { headers } = socket.handshake;
    const session = { id, isFresh, touchedAt: 0 };
    putCookieFirst(headers, writeSessionCookie(this.runtime.app, id));
    this.#remember(headers, session);
    this.#index(socket, id);
    return session;
  }

  /** A socket has connected. */
  add(socket: Socket): void {
    const session = this.of(socket);
    if (session) this.#index(socket, session.id);
  }

  /** A socket has disconnected. */
  remove(socket: Socket): void {
    const id = this.#idOf.get(socket);
    if (id === undefined) return;
    this.#idOf.delete(socket);
    this.#sockets.delete(id, socket);
  }

  /** The sockets of this process that have a session. */
  socketsOf(isMeant: (sessionId: string) => boolean): Socket[] {
    return [...this.#socketsOf.keys()].filter(isMeant).flatMap((id) => this.#sockets.of(id));
  }

  #renew(headers: Headers): SocketSession {
    const session = { id: randomBytes(ID_BYTES).toString('base64url'), isFresh: true, touchedAt: 0 };
    putCookieFirst(headers, writeSessionCookie(this.runtime.app, session.id));
    this.#remember(headers, session);
    return session;
  }

  #remember(headers: Headers, session: SocketSession): void {
    const { cookie } = headers;
    const known = this.#handshakes.get(headers);
    if (known) Object.assign(known, { cookie, session });
    else this.#handshakes.set(headers, { presented: undefined, cookie, session });
  }

  #index(socket: Socket, id: string): void {
    if (this.#idOf.get(socket) === id) return;
    this.remove(socket);
    if (!socket.connected) return;
    this.#idOf.set(socket, id);
    this.#sockets.add(id, socket);
  }
}

/** Whether a client has asked for no session, by header or query (browsers can't send headers with a websocket). */
export function wantsNoSession({ headers, url }: { headers: Headers; url?: string | undefined }): boolean {
  if (headers.nosession) return true;
  const query = url?.split('?', 2)[1];
  return Boolean(query && new URLSearchParams(query).get('nosession'));
}

/** Whether nothing is stored in a session. */
export function isEmpty(data: session.SessionData): boolean {
  return Object.keys(data).every((key) => key === 'cookie');
}
