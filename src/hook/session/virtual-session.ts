import type session from 'express-session';
import type { Socket } from 'socket.io';
import type { HookRuntime } from '../runtime';
import { makeCookie } from './make-cookie';
import { readStored, storeOf, withinLimit, writeSession } from './read-store';
import type { SocketSession } from './socket-sessions';
import { UNAVAILABLE } from './unavailable';

/** A virtual request, as far as its session goes. */
export interface VirtualSessionRequest {
  isSocket: boolean;
  socket: Socket;
  path: string;
  sessionID: string | undefined;
  session: (session.Session & session.SessionData) | null | undefined;
  sessionStore: session.Store | undefined;
  /** Nobody has looked at `session` yet. */
  readonly isSessionUntouched: boolean;
  /** Gives the function that sets `session` when somebody first looks at it. */
  offerSession(open: () => void): void;
}

/** The response to it. */
export interface VirtualSessionResponse {
  /** Runs once when the response ends; it is sent when the returned promise settles. */
  beforeEnd: (() => Promise<void> | undefined) | undefined;
  /** Takes what was sent back and puts an error in its place. */
  replaceBy(statusCode: number, body: unknown): void;
  end(): unknown;
}

type Next = (error?: unknown) => void;

/** Within what part of its age a session in use is touched at least once. */
const PART_OF_AGE = 4;

/**
 * The session of a virtual request. It is read fresh for each request, and opened when somebody looks at `req.session`: until
 * then it is what the store has answered. It is written before the answer is sent, and only where the request has changed it.
 * `destroy()` and `regenerate()` hold for the socket.
 */
export function loadVirtualSession(
  runtime: HookRuntime,
  request: VirtualSessionRequest,
  response: VirtualSessionResponse,
  next: Next,
): void {
  const { config } = runtime.app;
  const settings = config.session as { isSessionDisabled?: (request: unknown) => unknown; cookie?: { path?: string } };
  const known = runtime.sessions.of(request.socket);
  const store = storeOf(runtime);
  const isOutside = !request.path.startsWith(settings.cookie?.path ?? '/');
  if (!store || !known || isOutside || settings.isSessionDisabled?.(request)) {
    next();
    return;
  }
  readStored(runtime, store, known.id, (error, found) => {
    if (error) {
      runtime.app.log.verbose('The session of a virtual request can not be loaded.', error);
      refuse(response);
      response.end();
      return;
    }
    const loaded = offer(runtime, store, request, known, found);
    response.beforeEnd = () => closeOrRefuse(runtime, store, request, response, loaded);
    next();
  });
}

function refuse(response: VirtualSessionResponse): void {
  response.replaceBy(503, UNAVAILABLE);
}

/** What a request's session was when the request began. */
interface LoadedSession {
  known: SocketSession;
  /** Made by this request, since there was none. */
  isNew: boolean;
  /** `undefined` until it is opened. */
  fields: string | undefined;
  ageMs: number | null;
}

function offer(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  known: SocketSession,
  found: session.SessionData | undefined,
): LoadedSession {
  const { socket } = request;
  let own = known;
  if (!found) {
    const current = runtime.sessions.of(socket) ?? known;
    // It was destroyed or has expired; another request of the socket may have replaced it already.
    own = current !== known ? current : known.isFresh ? known : runtime.sessions.replace(socket);
  }
  const isNew = !found || own !== known;
  request.sessionID = own.id;
  request.sessionStore = store;
  const ageMs = found?.cookie?.originalMaxAge ?? null;
  const loaded: LoadedSession = { known: own, isNew, fields: undefined, ageMs };
  request.offerSession(() => {
    const data = isNew ? ({ cookie: makeCookie(store, socket.handshake.headers) } as session.SessionData) : found;
    const opened = store.createSession(request as never, data as session.SessionData);
    loaded.fields = fieldsText(opened);
    loaded.ageMs = opened.cookie.originalMaxAge ?? null;
  });
  return loaded;
}

function closeOrRefuse(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  response: VirtualSessionResponse,
  loaded: LoadedSession,
): Promise<void> | undefined {
  return close(runtime, store, request, loaded)?.catch((error) => {
    runtime.app.log.verbose('The session of a virtual request can not be saved.', error);
    refuse(response);
  });
}

/** Saves what the request has changed. Returns nothing where there is nothing to wait for. */
function close(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  loaded: LoadedSession,
): Promise<void> | undefined {
  const { known, isNew } = loaded;
  if (request.isSessionUntouched && (isNew || !isTouchDue(runtime, known, loaded.ageMs))) return undefined;
  const { session: current, socket } = request;
  if (!current) return closeGone(runtime, store, request, known);

  if (current.id !== known.id) {
    const isEmptyNow = fieldsText(current) === NO_FIELDS;
    const followed = runtime.sessions.follow(socket, current.id, isEmptyNow);
    return isEmptyNow ? undefined : save(runtime, store, current, followed);
  }
  const isChanged = fieldsText(current) !== loaded.fields || current.cookie.originalMaxAge !== loaded.ageMs;
  if (isNew) {
    // Destroyed by another request of the socket before anything was stored: it stays destroyed.
    if (!isChanged || runtime.sessions.of(socket)?.id !== known.id) return undefined;
    return save(runtime, store, current, known);
  }
  if (isChanged) return save(runtime, store, current, known);
  if (isTouchDue(runtime, known, loaded.ageMs)) touch(runtime, store, current, known);
  return undefined;
}

/** Whether a session that was read only is to be renewed by now. */
function isTouchDue({ settings }: HookRuntime, known: SocketSession, ageMs: number | null): boolean {
  const everyMs = Math.min(settings.sessionTouchMs, (ageMs ?? Number.POSITIVE_INFINITY) / PART_OF_AGE);
  return Date.now() - known.touchedAt >= everyMs;
}

/** The request has destroyed its session, or has taken it away without a word. */
function closeGone(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  known: SocketSession,
): Promise<void> | undefined {
  const { sessions } = runtime;
  if (sessions.of(request.socket) === known) sessions.replace(request.socket);
  if (runtime.app.config.session?.unset !== 'destroy') return undefined;
  return withinLimit(runtime, 'destroy', (done) => store.destroy(known.id, done)).then(() => undefined);
}

async function save(
  runtime: HookRuntime,
  store: session.Store,
  current: session.Session & session.SessionData,
  known: SocketSession,
): Promise<void> {
  current.touch();
  await writeSession(runtime, store, current.id, current);
  known.isFresh = false;
  known.touchedAt = Date.now();
}

/** Renews the session's time to live now and then. The answer does not wait for it, and does not fail with it. */
function touch(
  runtime: HookRuntime,
  store: session.Store,
  current: session.Session & session.SessionData,
  known: SocketSession,
): void {
  const { touch: touchStored } = store;
  if (!touchStored) return;
  current.touch();
  known.touchedAt = Date.now();
  withinLimit(runtime, 'touch', (done) => touchStored.call(store, current.id, current, done)).catch((error) => {
    known.touchedAt = 0;
    runtime.app.log.verbose('The session of a virtual request can not be renewed.', error);
  });
}

const NO_FIELDS = '{}';

/** What the session holds, as text; the cookie is none of it. */
function fieldsText(current: session.SessionData): string {
  const { cookie: _, ...fields } = current;
  return JSON.stringify(fields);
}
