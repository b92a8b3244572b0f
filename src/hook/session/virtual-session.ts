import type session from 'express-session';
import type { Socket } from 'socket.io';
import type { SailsRequest } from '../../types/sails';
import type { HookRuntime } from '../runtime';
import { makeCookie } from './make-cookie';
import { readSession, storeOf, withinLimit, writeSession } from './read-store';
import type { SocketSession } from './socket-sessions';
import { refuseUnavailable, type StoreResponse } from './unavailable';

/** A virtual request on its way through core's router. */
export interface VirtualSessionRequest extends SailsRequest {
  isSocket?: boolean;
  socket: Socket & SailsRequest['socket'];
  path: string;
  sessionID?: string;
  session?: (session.Session & session.SessionData) | null;
  sessionStore?: session.Store;
}

type Next = (error?: unknown) => void;

/** Within what part of its age a session in use is touched at least once. */
const PART_OF_AGE = 4;

/**
 * The session of a virtual request. It is read fresh for each request; it is written before the answer is sent, and only
 * where the request has changed it. `destroy()` and `regenerate()` hold for the socket.
 */
export function loadVirtualSession(
  runtime: HookRuntime,
  request: VirtualSessionRequest,
  response: StoreResponse,
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
  open(runtime, store, request, known).then(
    (opened) => {
      saveAtEnd(runtime, store, request, response, opened);
      next();
    },
    (error) => {
      runtime.app.log.verbose('The session of a virtual request can not be loaded.', error);
      refuseUnavailable(response);
    },
  );
}

/** What a request's session was when the request began. */
interface OpenedSession {
  known: SocketSession;
  /** Made by this request, since there was none. */
  isNew: boolean;
  fields: string;
  ageMs: number | null;
}

async function open(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  known: SocketSession,
): Promise<OpenedSession> {
  const { socket } = request;
  const found = await readSession(runtime, store, known.id);
  let own = known;
  if (!found) {
    const current = runtime.sessions.of(socket) ?? known;
    // It was destroyed or has expired; another request of the socket may have replaced it already.
    own = current !== known ? current : known.isFresh ? known : runtime.sessions.replace(socket);
  }
  const isNew = !found || own !== known;
  request.sessionID = own.id;
  request.sessionStore = store;
  const data = isNew ? ({ cookie: makeCookie(store, socket.handshake.headers) } as session.SessionData) : found;
  const opened = store.createSession(request as never, data);
  return { known: own, isNew, fields: fieldsText(opened), ageMs: opened.cookie.originalMaxAge ?? null };
}

function saveAtEnd(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  response: StoreResponse,
  opened: OpenedSession,
): void {
  const end = response.end;
  let ended = false;
  response.end = function endOnce(...args: unknown[]) {
    if (ended) return response;
    ended = true;
    const saving = close(runtime, store, request, opened);
    if (!saving) return end.apply(response, args);
    // Whoever ends a response without a status means 200.
    const finish = () => {
      response.statusCode ||= 200;
      end.apply(response, args);
    };
    saving.then(finish, (error) => {
      runtime.app.log.verbose('The session of a virtual request can not be saved.', error);
      refuseUnavailable(response, () => end.call(response));
    });
    return response;
  };
}

/** Saves what the request has changed. Returns nothing where there is nothing to wait for. */
function close(
  runtime: HookRuntime,
  store: session.Store,
  request: VirtualSessionRequest,
  opened: OpenedSession,
): Promise<void> | undefined {
  const { known } = opened;
  const { session: current, socket } = request;
  if (!current) return closeGone(runtime, store, request, known);

  const isEmptyNow = fieldsText(current) === NO_FIELDS;
  if (current.id !== known.id) {
    const followed = runtime.sessions.follow(socket, current.id, isEmptyNow);
    return isEmptyNow ? undefined : save(runtime, store, current, followed);
  }
  const isChanged = fieldsText(current) !== opened.fields || current.cookie.originalMaxAge !== opened.ageMs;
  if (opened.isNew) {
    // Destroyed by another request of the socket before anything was stored: it stays destroyed.
    if (!isChanged || runtime.sessions.of(socket)?.id !== known.id) return undefined;
    return save(runtime, store, current, known);
  }
  if (isChanged) return save(runtime, store, current, known);
  touch(runtime, store, current, known);
  return undefined;
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
  const everyMs = Math.min(
    runtime.settings.sessionTouchMs,
    (current.cookie.originalMaxAge ?? Number.POSITIVE_INFINITY) / PART_OF_AGE,
  );
  const { touch: touchStored } = store;
  if (!touchStored || Date.now() - known.touchedAt < everyMs) return;
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
