import type { Server } from 'socket.io';
import type { RecoveryOptions } from './recovery-options';
import { DEFAULT_RECOVERY_SETTINGS } from './settings';

const taken = new WeakMap<Server, RecoveryOptions>();

/**
 * Takes over Socket.IO's own option `connectionStateRecovery`: with it Socket.IO would send what is for one socket through
 * the adapter as a broadcast, add offsets for clients that know none, and replay what was sent before a join.
 */
export function takeServerOption(server: Server): RecoveryOptions | undefined {
  const { opts } = server as unknown as { opts: { connectionStateRecovery?: { maxDisconnectionDuration?: number } } };
  const { connectionStateRecovery: own } = opts;
  if (own) {
    const maxDisconnectionDurationMs =
      own.maxDisconnectionDuration ?? DEFAULT_RECOVERY_SETTINGS.maxDisconnectionDurationMs;
    taken.set(server, { settings: { ...DEFAULT_RECOVERY_SETTINGS, maxDisconnectionDurationMs } });
    delete opts.connectionStateRecovery;
  }
  return taken.get(server);
}
