import type { Socket } from 'socket.io-client';

/**
 * A draining server says when to come back (`flotilla:drain`), just before it ends the connection: then the first attempt
 * follows after that time instead of the usual wait.
 */
export function followDrainHint(socket: Socket): void {
  const { io: manager } = socket;
  let restore: (() => void) | undefined;
  socket.on('flotilla:drain', (hint: { retryAfterMs?: unknown } | undefined) => {
    const retryAfterMs = hint?.retryAfterMs;
    if (typeof retryAfterMs !== 'number' || !(retryAfterMs >= 0)) return;
    if (!restore) {
      const delay = manager.reconnectionDelay();
      const factor = manager.randomizationFactor();
      restore = () => {
        restore = undefined;
        manager.reconnectionDelay(delay ?? 0);
        manager.randomizationFactor(factor ?? 0);
      };
    }
    manager.reconnectionDelay(Math.max(1, retryAfterMs));
    manager.randomizationFactor(0);
  });
  // After the first attempt the usual waits hold again. The manager has asked for its next wait by then.
  manager.on('reconnect_attempt', () => restore?.());
}
