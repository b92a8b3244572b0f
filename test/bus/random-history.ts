import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINK_NAMES } from '../../dist/bus/link/create-link';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { RedisServer } from '../support/redis-server';
import { connectTo } from './audience';
import { SeededRandom } from './seeded-random';
import { startPod, stopProcess, type TestPod, type TestServer, untilServerCount } from './topology';

const log = { debug() {}, info() {}, warn() {}, error() {} };
const ROOMS = ['a', 'b', 'c', 'd', 'e'];
const CLIENTS = 8;

/** A client as the model sees it. */
interface Client {
  name: string;
  socket: Socket;
  server: TestServer;
  rooms: Set<string>;
  /** Broadcasts that it should have got since the last check, in the order in which they were sent, with their origin. */
  expected: Array<{ event: string; origin: string; rooms: string[] }>;
  got: string[];
  onEvent: () => void;
}

/**
 * Random joins, leaves, broadcasts and deaths over two pods of two workers, against a model of who is in which room.
 * Every step waits until what it did is effective, so the model knows exactly who must get what.
 */
class Run {
  readonly #random: SeededRandom;
  readonly #servers: TestServer[] = [];
  readonly #clients: Client[] = [];
  readonly #history: string[] = [];
  #messages = 0;
  #names = 0;
  #markers = 0;
  /** Whether nothing is under way. Joins, leaves and deaths would race with a message that is. */
  #isQuiet = true;

  constructor(
    seed: number,
    private readonly pods: [TestPod, TestPod],
    private readonly steps: number,
  ) {
    this.#random = new SeededRandom(seed);
  }

  async play(): Promise<void> {
    try {
      this.#servers.push(...this.pods.flatMap((pod) => pod.servers));
      for (let index = 0; index < CLIENTS; index++) await this.#addClient();
      for (let step = 0; step < this.steps; step++) await this.#step();
      await this.#check();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`${text}\nsteps before:\n${this.#history.slice(-25).join('\n')}`, { cause: error });
    } finally {
      for (const { socket } of this.#clients) socket.close();
    }
  }

  async #step(): Promise<void> {
    const dice = this.#random.below(100);
    if (dice < 50) return this.#broadcast();
    await this.#quiesce();
    if (dice < 60) return this.#joinByClient();
    if (dice < 70) return this.#leaveByClient();
    if (dice < 80) return this.#orderJoin();
    if (dice < 88) return this.#orderLeave();
    if (dice < 96) return this.#check();
    return this.#killWorker();
  }

  async #addClient(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const socket = await connectTo(server);
    const client: Client = {
      name: `c${this.#names++}`,
      socket,
      server,
      rooms: new Set(),
      expected: [],
      got: [],
      onEvent: () => undefined,
    };
    socket.onAny((event: string) => {
      client.got.push(event);
      client.onEvent();
    });
    this.#clients.push(client);
    this.#note(`${client.name} connects to ${server.name}`);
  }

  async #joinByClient(): Promise<void> {
    const client = this.#random.pick(this.#clients);
    const room = this.#room();
    this.#note(`${client.name} joins ${room}`);
    await client.socket.emitWithAck('join', room);
    client.rooms.add(room);
  }

  async #leaveByClient(): Promise<void> {
    const client = this.#random.pick(this.#clients);
    const room = this.#room();
    this.#note(`${client.name} leaves ${room}`);
    await client.socket.emitWithAck('leave', room);
    client.rooms.delete(room);
  }

  async #orderJoin(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const [from, to] = [this.#room(), this.#room()];
    this.#note(`${server.name} makes members of ${from} join ${to}`);
    const members = this.#clients.filter((client) => client.rooms.has(from));
    expect(await server.run('joinAnywhere', { target: { rooms: [from] }, rooms: [to] })).toEqual({
      matched: members.length,
      silent: [],
    });
    for (const client of members) client.rooms.add(to);
  }

  async #orderLeave(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const [from, room] = [this.#room(), this.#room()];
    this.#note(`${server.name} makes members of ${from} leave ${room}`);
    const members = this.#clients.filter((client) => client.rooms.has(from));
    expect(await server.run('leaveAnywhere', { target: { rooms: [from] }, rooms: [room] })).toEqual({
      matched: members.length,
      silent: [],
    });
    for (const client of members) client.rooms.delete(room);
  }

  async #broadcast(): Promise<void> {
    const server = this.#random.pick(this.#servers);
    const rooms = [...new Set(Array.from({ length: this.#random.below(4) }, () => this.#room()))];
    const except = this.#random.below(3) === 0 ? [this.#room()] : [];
    const event = `m${this.#messages++}`;
    this.#note(`${server.name} sends ${event} to [${rooms}] except [${except}]`);
    await server.run('emit', { rooms, except, event });
    for (const client of this.#clients) {
      const isMeant = rooms.length === 0 || rooms.some((room) => client.rooms.has(room));
      if (isMeant && !except.some((room) => client.rooms.has(room)))
        client.expected.push({ event, origin: server.name, rooms });
    }
    this.#isQuiet = false;
  }

  /** Waits until everything that was sent has arrived everywhere: a marker from each server, to all, comes after it. */
  async #quiesce(): Promise<void> {
    if (this.#isQuiet) return;
    this.#isQuiet = true;
    this.#markers += 1;
    const markers = this.#servers.map(({ name }) => `marker${this.#markers}-${name}`);
    const seen = this.#clients.map(
      (client) =>
        new Promise<void>((resolve) => {
          client.onEvent = () => {
            if (markers.every((marker) => client.got.includes(marker))) resolve();
          };
        }),
    );
    for (const [index, server] of this.#servers.entries()) await server.run('emit', { event: markers[index] });
    await Promise.all(seen);
  }

  /** Everybody has got exactly what the model says, and the servers know who is where. */
  async #check(): Promise<void> {
    await this.#quiesce();
    for (const client of this.#clients) {
      const got = client.got.filter((event) => !event.startsWith('marker'));
      expect([...got].sort(), `${client.name} on ${client.server.name}`).toEqual(
        client.expected.map(({ event }) => event).sort(),
      );
      for (const { name } of this.#servers) {
        const fromOne = client.expected.filter(({ origin }) => origin === name).map(({ event }) => event);
        expect(got.filter((event) => fromOne.includes(event))).toEqual(fromOne);
      }
      client.got.length = 0;
      client.expected.length = 0;
    }
    const asker = this.#random.pick(this.#servers);
    const room = this.#room();
    this.#note(`${asker.name} asks who is in ${room}`);
    const { sockets } = await asker.run('fetchSockets', { rooms: [room] });
    expect(sockets.map(({ id }: { id: string }) => id).sort(), `members of ${room}`).toEqual(
      this.#clients
        .filter((client) => client.rooms.has(room))
        .map(({ socket }) => socket.id)
        .sort(),
    );
  }

  /** A worker dies with its clients; another takes its place, and as many clients come. */
  async #killWorker(): Promise<void> {
    await this.#check();
    const pod = this.#random.pick(this.pods);
    const victim = this.#random.pick(pod.servers);
    this.#note(`${victim.name} dies`);
    await stopProcess(victim);
    pod.servers.splice(pod.servers.indexOf(victim), 1);
    this.#servers.splice(this.#servers.indexOf(victim), 1);
    const dead = this.#clients.filter(({ server }) => server === victim);
    for (const client of dead) {
      client.socket.close();
      this.#clients.splice(this.#clients.indexOf(client), 1);
    }
    await Promise.all(this.#servers.map((server) => untilServerCount(server, 3)));
    const next = await pod.addServer();
    this.#servers.push(next);
    await Promise.all(this.#servers.map((server) => untilServerCount(server, 4)));
    for (const _ of dead) await this.#addClient();
  }

  #room(): string {
    return this.#random.pick(ROOMS);
  }

  #note(step: string): void {
    this.#history.push(step);
  }
}

/** Plays random histories over two pods of two workers on every link; a failure tells its seed. */
export function randomHistories({ seeds, steps }: { seeds: number[]; steps: number }): void {
  describe.each(LINK_NAMES)('random joins, leaves, broadcasts and deaths on the link %s', (name) => {
    let redis: RedisServer;
    const pods: TestPod[] = [];

    beforeAll(async () => {
      redis = await RedisServer.start();
      const settings = resolveRedisSettings({ code: redis.url, env: {} }) as RedisSettings;
      for (const podName of ['pod-a', 'pod-b']) {
        const pod = await startPod(podName, { name, redis: settings, log });
        pods.push(pod);
        for (let worker = 0; worker < 2; worker++) await pod.addServer();
        await pod.link.ready();
      }
      await Promise.all(pods.flatMap(({ servers }) => servers.map((server) => untilServerCount(server, 4))));
    });
    afterAll(async () => {
      for (const pod of pods) await pod.close();
      await redis?.stop();
    });

    it.each(seeds.map((seed) => [seed]))('seed %i', (seed) => new Run(seed, pods as [TestPod, TestPod], steps).play());
  });
}
