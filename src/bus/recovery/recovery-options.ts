import type { IncomingMessage } from 'node:http';
import type { Socket } from 'socket.io';
import type { RecoveryFailure } from './messages';
import type { RecoverySettings } from './settings';

/** Ties sessions to what else the app knows of a client, e.g. its Sails session. */
export interface RecoveryGuard {
  /** What a socket's session is bound to, as text. */
  bindingOf(socket: Socket): string;
  /** Something that is another value whenever that text may be another. Asked every second for every socket. */
  stateOf(socket: Socket): unknown;
  /** Whether a client that comes back with this request may have a session that is bound so. A rejection means no. */
  admits(request: IncomingMessage, binding: string): Promise<boolean> | boolean;
  /** Before a resumed socket exists: what its request has to carry of the binding. */
  adopt(request: IncomingMessage, binding: string): void;
  /** A client asked for its state and gets this fresh socket. */
  failed(socket: Socket, reason: RecoveryFailure): void;
}

/** Connection state recovery of a server. */
export interface RecoveryOptions {
  settings: RecoverySettings;
  guard?: RecoveryGuard;
}
