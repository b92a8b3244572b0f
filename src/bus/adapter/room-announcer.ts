import type { Room, SocketId } from 'socket.io-adapter';
import type { Member } from '../member';

/**
 * Keeps the hub informed of the rooms that this worker has, and knows which joins the fleet has confirmed.
 * The room that every socket has to itself is not announced while nobody else is in it: the socket's id names the way.
 */
export class RoomAnnouncer {
  /** Announced rooms, with the number of their announcement. */
  readonly #announced = new Map<Room, number>();
  /** Per socket, its latest announcement that may not be confirmed yet. */
  readonly #latestBySocket = new Map<SocketId, number>();

  constructor(
    private readonly nsp: string,
    private readonly member: Member,
  ) {}

  /** A socket is in these rooms now. Returns a promise while any of that is unconfirmed. */
  joined(id: SocketId, rooms: Iterable<Room>): Promise<void> | undefined {
    let latest = 0;
    for (const room of rooms) {
      if (room === id && !this.#announced.has(room) && this.member.owns(id)) continue;
      latest = Math.max(latest, this.#announce(room));
    }
    if (latest === 0 || this.member.isConfirmed(latest)) return undefined;
    this.#latestBySocket.set(id, Math.max(latest, this.#latestBySocket.get(id) ?? 0));
    return this.member.whenConfirmed(latest);
  }

  /** What the hub was told before is to outlive the pod. Returns a promise for all that is unconfirmed. */
  stored(id: SocketId): Promise<void> {
    const seq = this.member.announce('', '', false);
    this.#latestBySocket.set(id, seq);
    return this.member.whenConfirmed(seq);
  }

  pendingJoins(id: SocketId): Promise<void> | undefined {
    const latest = this.#latestBySocket.get(id);
    if (latest === undefined) return undefined;
    if (!this.member.isConfirmed(latest)) return this.member.whenConfirmed(latest);
    this.#latestBySocket.delete(id);
    return undefined;
  }

  socketGone(id: SocketId): void {
    this.#latestBySocket.delete(id);
  }

  roomEmptied(room: Room): void {
    if (this.#announced.delete(room)) this.member.announce(this.nsp, room, false);
  }

  /** Announces everything again, to a hub that knows nothing. */
  announceAll(rooms: Map<Room, Set<SocketId>>): void {
    this.#announced.clear();
    for (const [room, sockets] of rooms) {
      const isOwnRoomOfOneSocket = sockets.size === 1 && sockets.has(room) && this.member.owns(room);
      if (!isOwnRoomOfOneSocket) this.#announce(room);
    }
  }

  /** Takes every announcement back. */
  clear(): void {
    for (const room of this.#announced.keys()) this.member.announce(this.nsp, room, false);
    this.#announced.clear();
    this.#latestBySocket.clear();
  }

  #announce(room: Room): number {
    let seq = this.#announced.get(room);
    if (seq === undefined) {
      seq = this.member.announce(this.nsp, room, true);
      this.#announced.set(room, seq);
    }
    return seq;
  }
}
