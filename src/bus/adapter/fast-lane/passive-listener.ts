const PASSIVE_LISTENERS = Symbol('passive listeners');

/** What of an Engine.IO connection is needed to listen. */
interface Connection {
  on(event: 'packetCreate', listener: (packet: { type: string }) => void): unknown;
  [PASSIVE_LISTENERS]?: number;
}

/** Hears of packets that go Engine.IO's way, and does not mind those that take the fast lane (see `FastLane.onWrite`). */
export function listenPassively(connection: Connection, listener: (packet: { type: string }) => void): void {
  connection.on('packetCreate', listener);
  connection[PASSIVE_LISTENERS] = passiveListeners(connection) + 1;
}

/** How many listeners of a connection have been added by {@link listenPassively}. */
export function passiveListeners(connection: object): number {
  return (connection as Partial<Connection>)[PASSIVE_LISTENERS] ?? 0;
}
