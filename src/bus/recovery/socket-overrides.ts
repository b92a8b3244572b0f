import { Socket } from 'socket.io';
import type { PacketFlags, SocketInternals, SocketPacket } from './socket-internals';
import type { TrackedSocket } from './tracked-socket';

const TRACKED = Symbol('tracked socket');

type TrackedInternals = SocketInternals & { [TRACKED]: TrackedSocket };

/** Socket.IO's own methods. */
export const socketMethods = Socket.prototype as unknown as SocketInternals;

/** What recovery does beside Socket.IO at the turns of a socket's life. */
export interface SocketTurns {
  send(tracked: TrackedSocket, packet: SocketPacket, flags: PacketFlags | undefined): void;
  /** Before Socket.IO cleans up. */
  ends(tracked: TrackedSocket): void;
  /** After that. */
  ended(tracked: TrackedSocket): void;
}

/** Makes the function that puts methods of recovery's in the place of a socket's own: the same ones for all sockets. */
export function overridesFor(turns: SocketTurns): (tracked: TrackedSocket) => void {
  const methods = {
    packet(this: TrackedInternals, packet: SocketPacket, flags?: PacketFlags): void {
      turns.send(this[TRACKED], packet, flags);
    },
    _onconnect(this: TrackedInternals): void {
      socketMethods._onconnect.call(this);
      const tracked = this[TRACKED];
      const { whenConnected } = tracked;
      tracked.whenConnected = undefined;
      whenConnected?.();
    },
    _onclose(this: TrackedInternals, reason: string, description?: unknown): unknown {
      this[TRACKED].endReason = reason;
      return socketMethods._onclose.call(this, reason, description);
    },
    _cleanup(this: TrackedInternals): void {
      turns.ends(this[TRACKED]);
      socketMethods._cleanup.call(this);
      turns.ended(this[TRACKED]);
    },
  };
  return (tracked) => {
    // Seen by nobody who looks at a socket's properties.
    Object.defineProperty(tracked.internals, TRACKED, { value: tracked });
    Object.assign(tracked.internals, methods);
  };
}
