import { io as connect, type Socket } from 'socket.io-client';
import { expect } from 'vitest';
import type { TestServer } from './topology';

/** A room that every client of an audience is in. */
const EVERYONE = 'everyone';
const BURST = 10;
/** A message that has not come by then is lost. */
const LOST_AFTER_MS = 10_000;

/** One client of a server, and the numbered messages it has got. */
export interface Listener {
  server: TestServer;
  socket: Socket;
  /** As `run origin index`, in the order of arrival. */
  got: string[];
}

/** Clients of several servers, which check that numbered messages reach each of them exactly once and in order. */
export class Audience {
  #runs = 0;
  #onMessage: () => void = () => undefined;

  private constructor(readonly listeners: Listener[]) {}

  /** One client for each server. */
  static async of(servers: TestServer[]): Promise<Audience> {
    const listeners: Listener[] = [];
    const audience = new Audience(listeners);
    for (const server of servers) {
      const socket = await connectTo(server);
      const listener: Listener = { server, socket, got: [] };
      socket.on('numbered', (run: string, origin: string, index: number) => {
        listener.got.push(`${run} ${origin} ${index}`);
        audience.#onMessage();
      });
      await socket.emitWithAck('join', EVERYONE);
      listeners.push(listener);
    }
    return audience;
  }

  get servers(): TestServer[] {
    return this.listeners.map(({ server }) => server);
  }

  /** The client of a server. */
  at(server: TestServer): Listener {
    return this.listeners.find((listener) => listener.server === server) as Listener;
  }

  /** Sends a burst from each origin, and expects that every listener gets every message once, in the order of its origin. */
  async expectExactDelivery(
    what: string,
    { origins = this.servers, listeners = this.listeners, rooms = [EVERYONE] as string[] } = {},
  ): Promise<void> {
    this.#runs += 1;
    const run = `run${this.#runs}`;
    for (const listener of listeners) listener.got = [];
    const expected = origins.map(({ name }) => Array.from({ length: BURST }, (_, index) => `${run} ${name} ${index}`));
    const isComplete = () =>
      listeners.every(({ got }) => expected.every((messages) => got.includes(messages[BURST - 1] as string)));
    const complete = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOST_AFTER_MS);
      this.#onMessage = () => {
        if (!isComplete()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    for (const { name, run: act } of origins)
      await act('emitBurst', { rooms, event: 'numbered', run, origin: name, count: BURST });
    await complete;
    for (const { server, got } of listeners) {
      const ofThisRun = got.filter((message) => message.startsWith(`${run} `));
      const byOrigin = origins.map(({ name }) => ofThisRun.filter((message) => message.split(' ')[1] === name));
      expect(byOrigin, `${what}: what the client of ${server.name} got`).toEqual(expected);
    }
  }

  close(): void {
    for (const { socket } of this.listeners) socket.close();
  }
}

/** A client of a server. */
export async function connectTo(server: TestServer): Promise<Socket> {
  const socket = connect(`http://127.0.0.1:${server.port}`, {
    forceNew: true,
    reconnection: false,
    transports: ['websocket'],
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}
