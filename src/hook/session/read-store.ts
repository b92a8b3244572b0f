import type session from 'express-session';
import { SessionUnavailableError } from '../../session/errors';
import type { HookRuntime } from '../runtime';

/** The store of the app's sessions, whichever it is; `undefined` where the app has none. */
export function storeOf({ app }: HookRuntime): session.Store | undefined {
  return app.session ? (app.config.session?.store as session.Store | undefined) : undefined;
}

/**
 * Reads a session, within the time limit for stores.
 * @throws SessionUnavailableError where the store fails or does not answer
 */
export async function readSession(
  runtime: HookRuntime,
  store: session.Store,
  sessionId: string,
): Promise<session.SessionData | undefined> {
  try {
    return (await withinLimit(runtime, 'get', (done) => store.get(sessionId, done))) ?? undefined;
  } catch (error) {
    // Stores that parse by themselves report so that a stored value is no session.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Reads a session for a request, with a callback. Stores that keep the limit by themselves are asked without another timer
 * and without promises.
 */
export function readStored(
  runtime: HookRuntime,
  store: session.Store,
  sessionId: string,
  done: (error: unknown, found?: session.SessionData | undefined) => void,
): void {
  if (!keepsLimit(store)) {
    readSession(runtime, store, sessionId).then((found) => done(undefined, found), done);
    return;
  }
  store.get(sessionId, (error, found) => done(error, found ?? undefined));
}

/** Our stores have a limit of their own; express-session's memory store has nobody to wait for. */
function keepsLimit(store: session.Store): boolean {
  return 'stats' in store || store.constructor.name === 'MemoryStore';
}

/** Saves a session, within the time limit for stores. */
export async function writeSession(
  runtime: HookRuntime,
  store: session.Store,
  sessionId: string,
  data: session.SessionData,
): Promise<void> {
  await withinLimit(runtime, 'save', (done) => store.set(sessionId, data, done));
}

/** Calls a method of a store. Ours keep the limit by themselves; others are held to it here. */
export function withinLimit<T>(
  { settings }: HookRuntime,
  operation: string,
  call: (done: (error?: unknown, result?: T | null) => void) => void,
): Promise<T | null | undefined> {
  const { sessionTimeoutMs } = settings;
  return new Promise((resolve, reject) => {
    // Half a second more: the store's own message says more.
    const timer = setTimeout(
      () => reject(new SessionUnavailableError(operation, `no answer in ${sessionTimeoutMs} ms`)),
      sessionTimeoutMs + 500,
    );
    call((error, result) => {
      clearTimeout(timer);
      const isMissing = (error as { code?: string } | undefined)?.code === 'ENOENT';
      if (!error || isMissing) resolve(result);
      else reject(error);
    });
  });
}
