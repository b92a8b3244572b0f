import type { Namespace, Socket } from 'socket.io';
import type { Room, SocketId } from 'socket.io-adapter';

/** Below it, a list saves less than it takes. */
const FEWEST_SOCKETS = 8;
const EVERYBODY = Symbol('everybody');

/** The part of an adapter whose rooms are kept. */
interface Rooms {
  readonly nsp: Namespace;
  readonly rooms: ReadonlyMap<Room, ReadonlySet<SocketId>>;
  readonly sids: ReadonlyMap<SocketId, unknown>;
  on(event: 'join-room' | 'leave-room', listener: (room: Room) => void): unknown;
}

/** Keeps the sockets of large rooms in lists, from one broadcast to the next, so that they need not be looked up by their ids. */
export class RoomSockets {
  /** Changes with each join and leave. */
  version = 0;
  readonly #known = new Map<Room | typeof EVERYBODY, Socket[]>();

  constructor(private readonly adapter: Rooms) {
    const forget = (room: Room) => this.#forget(room);
    adapter.on('join-room', forget);
    adapter.on('leave-room', forget);
  }

  /** To be called when a socket comes or has gone. */
  forgetEverybody(): void {
    this.#forget(EVERYBODY);
  }

  #forget(room: Room | typeof EVERYBODY): void {
    this.version += 1;
    this.#known.delete(room);
  }

  /**
   * The sockets in the order in which they joined, where the room is large.
   * @param room that of all sockets without
   */
  of(room?: Room): Socket[] | undefined {
    const known = this.#known.get(room ?? EVERYBODY);
    if (known) return known;
    const { nsp, rooms, sids } = this.adapter;
    const members = room === undefined ? sids : rooms.get(room);
    if (!members || members.size < FEWEST_SOCKETS) return undefined;
    const sockets: Socket[] = [];
    for (const id of members.keys()) {
      const socket = nsp.sockets.get(id);
      // One that is being recovered is in its rooms before it is in the namespace. Its arrival there is not told of.
      if (!socket) return undefined;
      sockets.push(socket);
    }
    this.#known.set(room ?? EVERYBODY, sockets);
    return sockets;
  }
}
