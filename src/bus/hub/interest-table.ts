/** Told when a room loses its last holder. */
export interface InterestObserver {
  freed(nsp: string, room: string): void;
}

/** Which holders have somebody in which room of which namespace; a holder may be counted several times. */
export class InterestTable<Holder> {
  readonly #namespaces = new Map<string, Map<string, Map<Holder, number>>>();
  readonly #held = new Map<Holder, Map<string, Set<string>>>();

  constructor(private readonly observer?: InterestObserver) {}

  add(holder: Holder, nsp: string, room: string): void {
    const rooms = getOrCreate(this.#namespaces, nsp, () => new Map<string, Map<Holder, number>>());
    const holders = getOrCreate(rooms, room, () => new Map<Holder, number>());
    holders.set(holder, (holders.get(holder) ?? 0) + 1);
    const held = getOrCreate(this.#held, holder, () => new Map<string, Set<string>>());
    getOrCreate(held, nsp, () => new Set<string>()).add(room);
  }

  /** Calls back for every room that somebody holds. */
  forEachRoom(callback: (nsp: string, room: string) => void): void {
    for (const [nsp, rooms] of this.#namespaces) for (const room of rooms.keys()) callback(nsp, room);
  }

  remove(holder: Holder, nsp: string, room: string): void {
    const count = this.#namespaces.get(nsp)?.get(room)?.get(holder);
    if (count === undefined) return;
    if (count > 1) {
      this.#namespaces
        .get(nsp)
        ?.get(room)
        ?.set(holder, count - 1);
      return;
    }
    this.#forget(holder, nsp, room);
    const held = this.#held.get(holder);
    const rooms = held?.get(nsp);
    rooms?.delete(room);
    if (rooms?.size === 0) held?.delete(nsp);
    if (held?.size === 0) this.#held.delete(holder);
  }

  /** Forgets everything about a holder. */
  removeHolder(holder: Holder): void {
    const held = this.#held.get(holder);
    if (!held) return;
    this.#held.delete(holder);
    for (const [nsp, rooms] of held) {
      for (const room of rooms) this.#forget(holder, nsp, room);
    }
  }

  /** Whether anybody holds a room. */
  has(nsp: string, room: string): boolean {
    return this.#namespaces.get(nsp)?.has(room) ?? false;
  }

  /** Adds to `into` every holder of a room. */
  collect(nsp: string, room: string, into: Set<Holder>): void {
    const holders = this.#namespaces.get(nsp)?.get(room);
    if (!holders) return;
    for (const holder of holders.keys()) into.add(holder);
  }

  /** How many rooms are held by anybody, over all namespaces. */
  get size(): number {
    let size = 0;
    for (const rooms of this.#namespaces.values()) size += rooms.size;
    return size;
  }

  #forget(holder: Holder, nsp: string, room: string): void {
    const rooms = this.#namespaces.get(nsp);
    const holders = rooms?.get(room);
    holders?.delete(holder);
    if (holders?.size !== 0) return;
    rooms?.delete(room);
    if (rooms?.size === 0) this.#namespaces.delete(nsp);
    this.observer?.freed(nsp, room);
  }
}

function getOrCreate<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
