/** What a publisher sends to a room, and every member gets as it is. */
export interface RoomMessage {
  /** Which run it belongs to: nobody counts what another run sends. */
  run: string;
  /** `message` is numbered; `storm` tells members to drop their connection; `end` settles the account. */
  kind: 'message' | 'storm' | 'end';
  /** From 1; 0 for those that are not counted. */
  sequence: number;
  /** The sender's clock, in milliseconds. */
  sentAt: number;
  /** The machine whose clock that is: others do not take a latency from it. */
  instance: string;
  /** With `end`: how many messages there were, and which of them nobody acknowledged. */
  total?: number;
  uncertain?: number[];
  /** Makes up the size that was asked for. */
  padding?: string;
}
