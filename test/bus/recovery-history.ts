import { describe, expect, it } from 'vitest';
import { RoamingClient, startRecoveryPod } from './recovery-pod';
import { SeededRandom } from './seeded-random';
import { stopProcess, type TestServer } from './topology';

const ROOMS = ['a', 'b', 'c', 'd'];
const CLIENTS = 6;
const WORKERS = 3;

/** Servers among which clients roam. */
export interface RoamedFleet {
  servers: TestServer[];
  /** Ends a server at once, with all its connections, and starts another in its place. */
  replace(victim: TestServer): Promise<TestServer>;
  close(): Promise<unknown>;
}

/** A client as the model sees it. */
interface Client {
  roamer: RoamingClient;
  server: TestServer;
  rooms: Set<string>;
  /** What it must have got by the end, in the order in which it was sent: origin and number. */
  expected: string[];
}

/**
 * Random broadcasts, emits to one socket, joins, leaves, lost connections and deaths of workers, against a model of who is in
 * which room: what a client has got in the end is what was sent while it was a member, once, each worker's messages in order.
 */
class Run {
  readonly #random: SeededRandom;
  readonly #clients: Client[] = [];
  readonly #history: string[] = [];
  #servers: TestServer[];
  #messages = 0;

  constructor(
    seed: number,
    private readonly fleet: RoamedFleet,
    private readonly steps: number,
  ) {
    this.#random = new SeededRandom(seed);
    this.#servers = [...fleet.servers];
  }

  async play(): Promise<void> {
    try {
      for (let index = 0; index < CLIENTS; index++) {
        const server = this.#random.pick(this.#servers);
        const roamer = await new RoamingClient(server).connect();
        this.#clients.push({ roamer, server, rooms: new Set([roamer.id]), expected: [] });
        await this.#join(this.#clients[index] as Client);
      }
      for (let step = 0; step < this.steps; step++) await this.#step();
      for (const client of this.#clients) await this.#comeBack(client);
      for (const client of this.#clients) await this.#check(client);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${text}\nsteps before:\n${this.#history.slice(-30).join('\n')}`, { cause: error });
    } finally {
      for (const { roamer } of this.#clients) roamer.close();
    }
  }

  async #step(): Promise<void> {
    const dice = this.#random.below(100);
    const client = this.#random.pick(this.#clients);
    if (dice < 50) return this.#broadcast();
    if (dice < 58) return this.#burst();
    if (dice < 66) return this.#emitAlone(client);
    if (dice < 76) return this.#drop(client);
    if (dice < 86) return this.#comeBack(client);
    if (dice < 92) return this.#join(client);
    if (dice < 98) return this.#leave(client);
    return this.#kill();
  }

  async #broadcast(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const rooms = this.#someRooms(this.#random.below(3));
    const except = this.#random.below(4) === 0 ? this.#someRooms(1) : [];
    const number = ++this.#messages;
    this.#note(`${server.name} emits ${number} to [${rooms}] except [${except}]`);
    this.#expect(server, number, rooms, except);
    await server.run('emit', { rooms, except, event: 'm', args: [server.name, number] });
  }

  /** Several messages in one tick. */
  async #burst(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const room = this.#random.pick(ROOMS);
    this.#note(`${server.name} emits ${this.#messages + 1} to ${this.#messages + 5} to [${room}] in one tick`);
    const messages = Array.from({ length: 5 }, () => {
      const number = ++this.#messages;
      this.#expect(server, number, [room], []);
      return [server.name, number];
    });
    await server.run('emitEach', { rooms: [room], event: 'm', messages });
  }

  async #emitAlone(client: Client): Promise<void> {
    if (!client.roamer.socket.connected) return;
    const number = ++this.#messages;
    this.#note(`${client.server.name} emits ${number} to ${client.roamer.id} alone`);
    client.expected.push(`${client.server.name}#${number}`);
    await client.server.run('emitAlone', { id: client.roamer.id, event: 'm', args: [client.server.name, number] });
  }

  async #drop({ roamer }: Client): Promise<void> {
    this.#note(`${roamer.id} loses its connection`);
    await roamer.drop();
  }

  async #comeBack(client: Client): Promise<void> {
    const { roamer } = client;
    if (roamer.socket.connected) return;
    client.server = this.#random.pick(this.#servers);
    const [id] = client.rooms;
    this.#note(`${id} comes back to ${client.server.name}`);
    await roamer.connect(client.server);
    expect([roamer.recovered, roamer.id]).toEqual([true, id]);
  }

  /** What is under way may or may not reach a socket that joins or leaves meanwhile: first it is waited for. */
  async #join(client: Client): Promise<void> {
    if (!client.roamer.socket.connected) return;
    const room = this.#random.pick(ROOMS);
    await this.#settle(client);
    this.#note(`${client.roamer.id} joins ${room}`);
    await client.roamer.join(room);
    client.rooms.add(room);
  }

  async #leave(client: Client): Promise<void> {
    if (!client.roamer.socket.connected) return;
    const room = this.#random.pick(ROOMS);
    await this.#settle(client);
    this.#note(`${client.roamer.id} leaves ${room}`);
    await client.roamer.leave(room);
    client.rooms.delete(room);
  }

  /** A server dies at once, with all its connections; another takes its place. */
  async #kill(): Promise<void> {
    const victim = this.#random.pick(this.#servers);
    // What a server has not handed on yet dies with it.
    const witness = this.#clients.find(({ server, roamer }) => server !== victim && roamer.socket.connected);
    if (witness) await this.#settle(witness);
    this.#note(`${victim.name} is killed`);
    const orphans = this.#clients.filter(({ server, roamer }) => server === victim && roamer.socket.connected);
    const gone = orphans.map(({ roamer }) => roamer.gone());
    const successor = await this.fleet.replace(victim);
    await Promise.all(gone);
    this.#servers = [...this.#servers.filter((server) => server !== victim), successor];
  }

  #expect(server: TestServer, number: number, rooms: string[], except: string[]): void {
    for (const client of this.#clients) {
      const isMeant = rooms.length === 0 || rooms.some((room) => client.rooms.has(room));
      if (!isMeant || except.some((room) => client.rooms.has(room))) continue;
      client.expected.push(`${server.name}#${number}`);
    }
  }

  /** Waits until everything that the workers have sent so far has come to a client. */
  async #settle({ roamer }: Client): Promise<void> {
    for (const server of this.#servers) {
      const marker = `marker ${++this.#messages}`;
      await server.run('emit', { rooms: [roamer.id], event: 'marker', args: [marker] });
      await roamer.until('marker', marker);
    }
  }

  async #check(client: Client): Promise<void> {
    await this.#settle(client);
    const got = client.roamer.events
      .filter(([event]) => event === 'm')
      .map(([, origin, number]) => `${origin}#${number}`);
    const byOrigin = (messages: string[]) =>
      [...messages].sort((left, right) => originOf(left).localeCompare(originOf(right)));
    // The sort is stable: what is compared is each worker's messages, in their order.
    expect(byOrigin(got)).toEqual(byOrigin(client.expected));
  }

  #someRooms(count: number): string[] {
    return [...new Set(Array.from({ length: count }, () => this.#random.pick(ROOMS)))];
  }

  #note(step: string): void {
    this.#history.push(step);
  }
}

function originOf(message: string): string {
  return message.slice(0, message.indexOf('#'));
}

/** The workers of one pod. */
async function onePod(): Promise<RoamedFleet> {
  const pod = await startRecoveryPod(WORKERS);
  return {
    servers: pod.servers,
    replace: async (victim) => {
      await stopProcess(victim);
      return pod.addServer();
    },
    close: () => pod.close(),
  };
}

/** Plays random histories, each with servers of its own. */
export function recoveryHistories({ seeds, steps, startFleet = onePod }: Histories): void {
  describe('recovery against a model', () => {
    it.each(seeds)(`seed %i, ${steps} steps`, async (seed) => {
      const fleet = await startFleet();
      try {
        await new Run(seed, fleet, steps).play();
      } finally {
        await fleet.close();
      }
    });
  });
}

interface Histories {
  seeds: number[];
  steps: number;
  /** Default: the workers of one pod. */
  startFleet?: () => Promise<RoamedFleet>;
}
