import type { Server } from 'socket.io';

/** Whether a server speaks Socket.IO's own packet format, so that a packet encoded by one worker is right for all. */
export function hasDefaultParser(server: Server): boolean {
  const { opts } = server as unknown as { opts: { parser?: unknown } };
  return opts.parser === undefined;
}
