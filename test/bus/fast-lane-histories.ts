import type { Server, Socket as ServerSocket } from 'socket.io';
import { io as connect } from 'socket.io-client';
import connect2 from 'socket.io-client-2';
import { expect } from 'vitest';
import { connectionOf, type LaneServer, type LaneServerOptions, startLaneServer, until } from './fast-lane-server';
import { SeededRandom } from './seeded-random';

const ROOMS = ['all', 'red', 'green', 'blue'];
const NAMESPACES = ['/', '/other'];

interface ClientKind {
  engine: 3 | 4;
  transports: string[];
  /** Comes anew at each step and changes its transport in the midst of it. */
  upgrades: boolean;
}

const CLIENTS: Record<string, ClientKind> = {
  'websocket 1': { engine: 4, transports: ['websocket'], upgrades: false },
  'websocket 2': { engine: 4, transports: ['websocket'], upgrades: false },
  'websocket 3': { engine: 4, transports: ['websocket'], upgrades: false },
  polling: { engine: 4, transports: ['polling'], upgrades: false },
  upgrading: { engine: 4, transports: ['polling', 'websocket'], upgrades: true },
  'old websocket': { engine: 3, transports: ['websocket'], upgrades: false },
  'old polling': { engine: 3, transports: ['polling'], upgrades: false },
  'old upgrading': { engine: 3, transports: ['polling', 'websocket'], upgrades: true },
};
const NAMES = Object.keys(CLIENTS);

/** One thing that the server does, or what it waits for before the next. */
type Action =
  | { do: 'broadcast'; nsp: string; rooms: string[]; except: string[]; from?: string; kind: Kind; number: number }
  | { do: 'broadcast with acknowledgement'; nsp: string; rooms: string[]; number: number }
  | { do: 'emit'; nsp: string; name: string; kind: Kind; number: number }
  | { do: 'emit with acknowledgement' | 'answer'; nsp: string; name: string; number: number }
  | { do: 'join' | 'leave'; nsp: string; name: string; room: string }
  | { do: 'disconnect'; nsp: string; name: string; close: boolean }
  | { do: 'close connection' | 'watch' | 'unwatch'; nsp: string; name: string }
  | { do: 'wait'; until: 'microtask' | 'next tick' | 'turn' };
type Kind = 'plain' | 'volatile' | 'binary' | 'volatile binary' | 'large';

/** What both kinds of clients have. */
interface ClientSocket {
  connected: boolean;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  close(): unknown;
  io: { socket(nsp: string): ClientSocket };
}

/**
 * Does the same at random, seeded, on a server of ours and on one with Socket.IO's in-memory adapter, and expects that each
 * client sees the same in the same order: broadcasts, emits, acknowledgements and the end of its connection.
 */
export async function compareHistories(
  seed: number,
  steps: number,
  options: Omit<LaneServerOptions, 'adapter'> = {},
): Promise<void> {
  const random = new SeededRandom(seed);
  const ours = await World.start({ ...options, adapter: 'ours' });
  const stock = await World.start({ ...options, adapter: 'in memory' });
  try {
    for (let step = 0; step < steps; step++) {
      await Promise.all([ours.prepare(step), stock.prepare(step)]);
      const actions = randomActions(random, step);
      await ours.perform(actions);
      await stock.perform(actions);
      await Promise.all([ours.settle(step), stock.settle(step)]);
      for (const name of NAMES) {
        const story = JSON.stringify(actions);
        expect(ours.seenBy(name), `seed ${seed}, step ${step}, ${name}, after ${story}`).toEqual(stock.seenBy(name));
      }
    }
  } finally {
    await Promise.all([ours.close(), stock.close()]);
  }
}

function randomActions(random: SeededRandom, step: number): Action[] {
  const count = 1 + random.below(25);
  const some = <Item>(items: Item[], likely: number) => items.filter(() => random.next() < likely);
  const actions: Action[] = [];
  for (let index = 0; index < count; index++) {
    const number = step * 1000 + index;
    const nsp = random.pick(NAMESPACES);
    const name = random.pick(NAMES);
    const kind = random.pick<Kind>(['plain', 'plain', 'plain', 'volatile', 'binary', 'volatile binary', 'large']);
    const chance = random.below(100);
    if (chance < 45) {
      const from = random.next() < 0.2 ? name : undefined;
      actions.push({
        do: 'broadcast',
        nsp,
        rooms: some(ROOMS, 0.3),
        except: some(ROOMS.slice(1), 0.1),
        from,
        kind,
        number,
      });
    } else if (chance < 50) {
      actions.push({ do: 'broadcast with acknowledgement', nsp, rooms: some(ROOMS, 0.3), number });
    } else if (chance < 65) actions.push({ do: 'emit', nsp, name, kind, number });
    else if (chance < 70) actions.push({ do: 'emit with acknowledgement', nsp, name, number });
    else if (chance < 77) actions.push({ do: 'answer', nsp, name, number });
    else if (chance < 81) actions.push({ do: random.pick(['join', 'leave']), nsp, name, room: random.pick(ROOMS) });
    else if (chance < 85) actions.push({ do: random.pick(['watch', 'unwatch']), nsp, name });
    else if (chance < 97) actions.push({ do: 'wait', until: random.pick(['microtask', 'next tick', 'turn']) });
    // Which packets are still sent when a connection closes during an upgrade is a matter of luck.
    else if (chance === 97 || CLIENTS[name]?.upgrades) actions.push({ do: 'disconnect', nsp, name, close: false });
    else if (chance === 98) actions.push({ do: 'disconnect', nsp, name, close: true });
    else actions.push({ do: 'close connection', nsp, name });
  }
  // To an acknowledgement from a namespace that the client is no longer in, Socket.IO answers by closing the connection.
  const someoneLeaves = actions.some((action) => action.do === 'disconnect');
  return someoneLeaves ? actions.filter((action) => !action.do.endsWith('acknowledgement')) : actions;
}

/** A server with its clients. */
class World {
  readonly #clients = new Map<string, Map<string, ClientSocket>>();
  readonly #seen = new Map<string, unknown[][]>(NAMES.map((name) => [name, []]));
  readonly #questions = new Map<string, Array<(answer: unknown) => void>>();

  static async start(options: LaneServerOptions): Promise<World> {
    const server = await startLaneServer(options);
    return new World(server, options.adapter);
  }

  private constructor(
    private readonly server: LaneServer,
    private readonly adapter: string,
  ) {
    for (const nsp of NAMESPACES) {
      this.#io.of(nsp).on('connection', (socket) => {
        const name = String(socket.handshake.query.name);
        socket.join(['all', ROOMS[1 + (NAMES.indexOf(name) % 3)] as string]);
        socket.on('question', (answer) => this.#questionsOf(nsp, name).push(answer));
      });
    }
  }

  get #io(): Server {
    return this.server.io;
  }

  #questionsOf(nsp: string, name: string): Array<(answer: unknown) => void> {
    const key = `${nsp} ${name}`;
    let questions = this.#questions.get(key);
    if (!questions) {
      questions = [];
      this.#questions.set(key, questions);
    }
    return questions;
  }

  #socketOf(nsp: string, name: string): ServerSocket | undefined {
    return [...this.#io.of(nsp).sockets.values()].find((socket) => socket.handshake.query.name === name);
  }

  /** Connects who is not connected, and has each client ask a question in each namespace. */
  async prepare(step: number): Promise<void> {
    await Promise.all(NAMES.map((name) => this.#prepareClient(name, step)));
  }

  async #prepareClient(name: string, step: number): Promise<void> {
    const kind = CLIENTS[name] as ClientKind;
    const old = this.#clients.get(name);
    if (!old || kind.upgrades || [...old.values()].some((socket) => !socket.connected)) {
      for (const socket of old?.values() ?? []) socket.close();
      await until(() => NAMESPACES.every((nsp) => this.#socketOf(nsp, name) === undefined));
      for (const nsp of NAMESPACES) this.#questionsOf(nsp, name).length = 0;
      this.#clients.set(name, this.#connect(name, kind, step));
    }
    const sockets = this.#clients.get(name) as Map<string, ClientSocket>;
    await until(() => NAMESPACES.every((nsp) => sockets.get(nsp)?.connected && this.#socketOf(nsp, name)));
    for (const [nsp, socket] of sockets) {
      socket.emit('question', (answer: unknown) => this.#note(name, [nsp, 'answer', answer]));
      await until(() => this.#questionsOf(nsp, name).length > 0);
    }
    if (!kind.upgrades) await this.#untilDrained(name);
  }

  #connect(name: string, { engine, transports }: ClientKind, step: number): Map<string, ClientSocket> {
    const options = { forceNew: true, reconnection: false, transports, query: { name } };
    const main = (engine === 4
      ? connect(this.server.url, options)
      : connect2(this.server.url, options)) as unknown as ClientSocket;
    const sockets = new Map<string, ClientSocket>();
    for (const nsp of NAMESPACES) {
      const socket = nsp === '/' ? main : main.io.socket(nsp);
      sockets.set(nsp, socket);
      const isCurrent = () => this.#clients.get(name) === sockets;
      const note = (entry: unknown[]) => isCurrent() && this.#note(name, [nsp, ...entry]);
      for (const event of ['event', 'volatile', 'end of step']) {
        socket.on(event, (...args) => {
          const answer = args.at(-1);
          if (typeof answer === 'function') answer(step);
          note([event, ...args.map(readable)]);
        });
      }
      socket.on('disconnect', (reason) => note(['disconnect', reason]));
      if ('connect' in socket && nsp !== '/') (socket as unknown as { connect(): void }).connect();
    }
    return sockets;
  }

  #note(name: string, entry: unknown[]): void {
    this.#seen.get(name)?.push(entry);
  }

  async perform(actions: Action[]): Promise<void> {
    for (const action of actions) {
      if (action.do !== 'wait') this.#act(action);
      else if (action.until === 'microtask') await undefined;
      else if (action.until === 'next tick') await new Promise<void>((resolve) => process.nextTick(resolve));
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #act(action: Exclude<Action, { do: 'wait' }>): void {
    const namespace = this.#io.of(action.nsp);
    if (action.do === 'broadcast') {
      const from = action.from && this.#socketOf(action.nsp, action.from);
      let target = (from ? from.broadcast : namespace).to(action.rooms).except(action.except);
      if (action.kind.startsWith('volatile')) target = target.volatile;
      target.emit(eventOf(action.kind), action.number, payloadOf(action.kind));
      return;
    }
    if (action.do === 'broadcast with acknowledgement') {
      const target = namespace.to(action.rooms).timeout(10_000);
      target.emit('event', action.number, 'acknowledge', () => undefined);
      return;
    }
    const socket = this.#socketOf(action.nsp, action.name);
    if (!socket) return;
    switch (action.do) {
      case 'emit': {
        const target = action.kind.startsWith('volatile') ? socket.volatile : socket;
        target.emit(eventOf(action.kind), action.number, payloadOf(action.kind));
        break;
      }
      case 'emit with acknowledgement':
        socket.emit('event', action.number, () => undefined);
        break;
      case 'answer':
        this.#questionsOf(action.nsp, action.name).shift()?.(action.number);
        break;
      case 'join':
      case 'leave':
        socket[action.do](action.room);
        break;
      case 'disconnect':
        socket.disconnect(action.close);
        break;
      case 'close connection':
        connectionOf(socket).close();
        break;
      case 'watch':
        connectionOf(socket).on('packetCreate', nobody);
        break;
      case 'unwatch':
        socket.conn.removeListener('packetCreate', nobody);
    }
  }

  /** Waits until each client has got everything, or the end of its connection. */
  async settle(step: number): Promise<void> {
    for (const name of NAMES) {
      const sockets = this.#clients.get(name) as Map<string, ClientSocket>;
      for (const nsp of NAMESPACES) {
        const socket = this.#socketOf(nsp, name);
        // A connection that is closing takes no more; its sockets go when the client has heard of it.
        const isOpen = socket && connectionOf(socket).readyState === 'open';
        if (isOpen) socket.emit('end of step', step);
        await until(
          () => (isOpen ? this.#hasSeenEnd(name, nsp, step) : sockets.get(nsp)?.connected === false),
          () =>
            `${name} in ${nsp} ${isOpen ? 'gets everything' : 'is gone'} with ${this.adapter}: ${JSON.stringify(this.#seen.get(name)?.slice(-8))}`,
        );
      }
      await this.#untilDrained(name);
    }
  }

  #hasSeenEnd(name: string, nsp: string, step: number): boolean {
    const isEnd = ([where, event, end]: unknown[]) => where === nsp && event === 'end of step' && end === step;
    return this.#seen.get(name)?.findLast(isEnd) !== undefined;
  }

  async #untilDrained(name: string): Promise<void> {
    for (const nsp of NAMESPACES) {
      const socket = this.#socketOf(nsp, name);
      if (!socket) continue;
      const connection = connectionOf(socket);
      await until(
        () =>
          connection.readyState !== 'open' || (connection.transport.writable && connection.writeBuffer.length === 0),
      );
    }
  }

  /**
   * What a client has seen, in order. Without what is volatile where it depends on the time of the client's next poll
   * whether it is dropped.
   */
  seenBy(name: string): unknown[][] {
    const seen = this.#seen.get(name) ?? [];
    if (!CLIENTS[name]?.transports.includes('polling')) return seen;
    return seen.filter(([, event]) => event !== 'volatile');
  }

  async close(): Promise<void> {
    for (const sockets of this.#clients.values()) for (const socket of sockets.values()) socket.close();
    await this.server.close();
  }
}

const nobody = () => undefined;

const eventOf = (kind: Kind) => (kind.startsWith('volatile') ? 'volatile' : 'event');

function payloadOf(kind: Kind): unknown {
  switch (kind) {
    case 'binary':
    case 'volatile binary':
      return [Buffer.from([0, 255, 1]), Buffer.alloc(0)];
    case 'large':
      return 'ü'.repeat(40_000);
    default:
      return { text: 'höllo 🚢' };
  }
}

/** Bytes as text, and long texts by their length. */
function readable(value: unknown): unknown {
  if (typeof value === 'function') return 'acknowledgement';
  if (Array.isArray(value)) return value.map(readable);
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  return typeof value === 'string' && value.length > 1000 ? `${value.length} characters` : value;
}
