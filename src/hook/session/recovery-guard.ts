import type { IncomingMessage } from 'node:http';
import type { Socket } from 'socket.io';
import type { RecoveryFailure } from '../../bus/recovery/messages';
import type { RecoveryGuard } from '../../bus/recovery/recovery-options';
import type { HookRuntime } from '../runtime';
import { readSession, storeOf } from './read-store';
import { digestOfSession } from './session-digest';

/** The event of the app for a client that asked for its state and got a fresh socket. */
const FAILED_EVENT = 'flotilla:recovery-failed';

/** Which Sails session a socket's state belongs to. */
interface Binding {
  /** The session that the client's own cookie named. */
  presented?: string;
  /** The session that the socket has, which may have been made for it, or changed since. */
  id?: string;
  /** Nothing was ever stored in it. */
  isFresh?: boolean;
}

/**
 * Binds the state of a socket to the Sails session that it was made with: nobody else is given it, and nobody after a logout.
 * A client without a cookie of its own gets back the session that was made for it.
 */
export class SessionGuard implements RecoveryGuard {
  constructor(private readonly runtime: HookRuntime) {}

  /** Begins with the digest of the session's id, by which the state is found when the session is disconnected. */
  bindingOf(socket: Socket): string {
    const { sessions } = this.runtime;
    const session = sessions.of(socket);
    const binding: Binding = {
      presented: sessions.presentedBy(socket.handshake.headers),
      id: session?.id,
      isFresh: session?.isFresh,
    };
    return `${session ? digestOfSession(session.id) : ''}:${JSON.stringify(binding)}`;
  }

  stateOf(socket: Socket): unknown {
    const session = this.runtime.sessions.of(socket);
    return session?.isFresh ? session : session?.id;
  }

  /** @throws SessionUnavailableError */
  async admits(request: IncomingMessage, text: string): Promise<boolean> {
    const binding = parse(text);
    if (this.runtime.sessions.presentedBy(request.headers) !== binding.presented) return false;
    const store = storeOf(this.runtime);
    if (binding.id === undefined || binding.isFresh || !store) return true;
    return (await readSession(this.runtime, store, binding.id)) !== undefined;
  }

  adopt(request: IncomingMessage, text: string): void {
    const { id, isFresh = false } = parse(text);
    if (id !== undefined) this.runtime.sessions.adopt(request.headers, id, isFresh);
  }

  failed(socket: Socket, reason: RecoveryFailure): void {
    this.runtime.app.log.verbose(
      `Socket ${socket.id} is a fresh one: its client's state is not recovered (${reason}).`,
    );
    this.runtime.app.emit(FAILED_EVENT, { socket, reason });
  }
}

function parse(text: string): Binding {
  return JSON.parse(text.slice(text.indexOf(':') + 1)) as Binding;
}
