import type { Socket } from 'socket.io';
import type { HookRuntime } from '../runtime';
import { type HandshakeSession, loadHandshakeSession, saveHandshakeSession } from '../session/handshake-session';

/** Runs the app's `afterDisconnect` for a socket that has gone, then saves the session if it has changed. */
export async function runAfterDisconnect(runtime: HookRuntime, socket: Socket): Promise<void> {
  const { app } = runtime;
  const { afterDisconnect } = app.config.sockets;
  if (!afterDisconnect) return;
  try {
    const { id, session } = await sessionForFarewell(runtime, socket);
    const before = JSON.stringify(session);
    await new Promise<void>((resolve, reject) => {
      const done = (error?: unknown) => (error ? reject(error) : resolve());
      const returned = afterDisconnect(session, socket, done);
      const isPromise = typeof returned === 'object' && returned !== null && 'then' in returned;
      if (isPromise) (returned as Promise<unknown>).then(() => resolve(), reject);
      else if (afterDisconnect.length < 3) resolve();
    });
    if (JSON.stringify(session) !== before) await saveHandshakeSession(runtime, { id, session });
  } catch (error) {
    app.log.error('Error in `sails.config.sockets.afterDisconnect`:', error);
  }
}

async function sessionForFarewell(runtime: HookRuntime, socket: Socket): Promise<HandshakeSession> {
  try {
    return await loadHandshakeSession(runtime, socket);
  } catch (error) {
    runtime.app.log.warn(
      'A socket disconnected and its session could not be loaded: `afterDisconnect` gets an empty one.',
      error,
    );
    return { id: undefined, session: {} };
  }
}
