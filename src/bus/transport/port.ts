import type { Message } from '../protocol';

/** What listens at one end of a {@link Port}. */
export interface PortListener {
  /** A message came; `body` is its encoded form where it came over a wire, ready to be passed on unchanged. */
  onMessage(message: Message, body?: Buffer): void;
  /** The other end is gone. Called once, also after `close()`. */
  onClose(): void;
}

/** One end of the connection between a process and its hub. */
export interface Port {
  /** Sends a message; `body`, where given, is its encoded form. Never throws; messages of one port arrive in order. */
  send(message: Message, body?: Buffer): void;
  /** Hands everything that was sent to the system now, and not at the end of the tick. */
  flush?(): void;
  /** Gives the listener; messages that came before are handed to it at once. */
  listen(listener: PortListener): void;
  /** Ends the connection after what was sent has left. */
  close(): void;
}
