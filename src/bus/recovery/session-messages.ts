import type { MessageKind } from '../protocol';
import type { RecoveryFailure } from './messages';
import type { PositionState, SessionState } from './session-state';

/** A hub asks another one for a session whose client has come to it. */
export interface SessionAsk {
  kind: MessageKind.SessionAsk;
  id: string;
  /** Who is asked: its pod may have another hub by now. */
  hub: string;
  nsp: string;
  key: string;
  generation: number;
  offset: string | null;
}

/** A session on its way to another hub. */
export interface HandedSession {
  state: SessionState;
  /** The client has everything up to here, as far as it was meant for it. */
  from: PositionState;
  /** Events for it alone that it may not have got, in order. */
  own: Uint8Array[];
}

/** The session, or why there is none. */
export interface SessionAnswer {
  kind: MessageKind.SessionAnswer;
  id: string;
  session?: HandedSession;
  reason?: RecoveryFailure;
}
