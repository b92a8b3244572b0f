import { EventEmitter } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { BusCounters } from '../counters';
import { BusError } from '../errors';
import type { BusLog, PodRow, WorkerRow } from '../fleet';
import type { HubService } from '../hub-services';
import { parseOwner } from '../ids';
import { type Ask, type Broadcast, type Call, type Message, MessageKind } from '../protocol';
import type { Port } from '../transport/port';
import { SocketPort } from '../transport/socket-port';
import { PACKAGE_VERSION } from '../version';
import { Collector } from './collector';
import { HubWorker } from './hub-worker';
import { InterestTable } from './interest-table';

/** Options of a {@link Hub}. */
export interface HubOptions {
  /** The pod's four-character tag in socket ids. */
  podTag: string;
  /** The pod's name, for people. */
  podName: string;
  log: BusLog;
}

/** What a {@link Hub} emits. */
interface HubEvents {
  'worker-joined': [row: WorkerRow];
  'worker-left': [row: WorkerRow];
}

/**
 * The middle of a pod: it knows which worker has which room, passes each message on to the workers it concerns,
 * gathers the answers to questions, and offers services (sessions, the member table) to the workers.
 */
export class Hub extends EventEmitter<HubEvents> {
  readonly counters: BusCounters;
  readonly #workers = new Set<HubWorker>();
  readonly #byTag = new Map<string, Set<HubWorker>>();
  readonly #connections = new Set<Port>();
  readonly #interest = new InterestTable<HubWorker>();
  /** Rooms that a worker was told to join and has not announced yet; broadcasts that follow the order must reach it. */
  readonly #ordered = new InterestTable<HubWorker>();
  readonly #collectors = new Map<string, Collector<HubWorker>>();
  readonly #services = new Map<string, HubService>();
  #server: Server | undefined;
  #closing = false;

  constructor(private readonly options: HubOptions) {
    super();
    this.counters = new BusCounters(options.log);
    this.offer('fleet', (method) => {
      if (method !== 'table') throw new BusError('E_NO_SUCH_SERVICE', `the fleet service has no method "${method}"`);
      return this.pods();
    });
  }

  /**
   * Listens on a local socket.
   * @param path path of the Unix domain socket; on Windows, of the named pipe
   * @throws the system's error, `EADDRINUSE` among them
   */
  async listen(path: string): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, exclusive: true }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    server.on('error', (error) => this.options.log.warn(`Flotilla: the hub's local socket reported ${error.message}`));
    if (process.platform !== 'win32') chmodSync(path, 0o600);
    this.#server = server;
  }

  /** Offers a service that workers can call. */
  offer(name: string, service: HubService): void {
    this.#services.set(name, service);
  }

  /** The workers that are here now. */
  workers(): WorkerRow[] {
    return [...this.#workers].filter((worker) => worker.isMember).map((worker) => worker.row);
  }

  /** The pods of the fleet. */
  pods(): PodRow[] {
    const { podName, podTag } = this.options;
    return [
      {
        name: podName,
        tag: podTag,
        state: 'up',
        version: PACKAGE_VERSION,
        lastSeen: Date.now(),
        workers: this.workers().sort((left, right) => left.number - right.number),
      },
    ];
  }

  /** Takes a process at the other end of a port. */
  attach(port: Port): void {
    let worker: HubWorker | undefined;
    this.#connections.add(port);
    port.listen({
      onMessage: (message, body) => {
        if (message.kind === MessageKind.Hello) {
          if (!worker) worker = this.#join(new HubWorker(port, message));
          return;
        }
        if (worker) this.#receive(worker, message, body);
        else this.counters.dropped('malformed');
      },
      onClose: () => {
        this.#connections.delete(port);
        if (worker) this.#leave(worker);
      },
    });
  }

  /** Ends every connection and the listener. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const collector of this.#collectors.values()) collector.cancel();
    this.#collectors.clear();
    for (const port of this.#connections) port.close();
    const server = this.#server;
    this.#server = undefined;
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    this.attach(new SocketPort(socket, this.counters));
  }

  #join(worker: HubWorker): HubWorker {
    this.#workers.add(worker);
    const sameTag = this.#byTag.get(worker.row.tag) ?? new Set();
    this.#byTag.set(worker.row.tag, sameTag.add(worker));
    worker.send({ kind: MessageKind.Welcome, podTag: this.options.podTag, podName: this.options.podName });
    this.#tellMembers();
    if (worker.isMember) this.emit('worker-joined', worker.row);
    return worker;
  }

  #leave(worker: HubWorker): void {
    this.#workers.delete(worker);
    const sameTag = this.#byTag.get(worker.row.tag);
    sameTag?.delete(worker);
    if (sameTag?.size === 0) this.#byTag.delete(worker.row.tag);
    this.#interest.removeHolder(worker);
    this.#ordered.removeHolder(worker);
    if (this.#closing) return;
    for (const [id, collector] of this.#collectors) {
      if (collector.ask.from === worker.uid) {
        collector.cancel();
        this.#collectors.delete(id);
      } else collector.left(worker);
    }
    this.#tellMembers();
    if (worker.isMember) this.emit('worker-left', worker.row);
  }

  #tellMembers(): void {
    const members = this.workers().length;
    for (const worker of this.#workers) {
      worker.send({ kind: MessageKind.Members, others: worker.isMember ? members - 1 : members });
    }
  }

  #receive(worker: HubWorker, message: Message, body: Buffer | undefined): void {
    switch (message.kind) {
      case MessageKind.Interest:
        if (message.on) this.#interest.add(worker, message.nsp, message.room);
        else this.#interest.remove(worker, message.nsp, message.room);
        worker.send({ kind: MessageKind.Confirm, seq: message.seq });
        return;
      case MessageKind.Broadcast:
        this.#broadcast(worker, message, body);
        return;
      case MessageKind.Ask:
        this.#ask(worker, message, body);
        return;
      case MessageKind.Part:
        this.#collectors.get(message.id)?.part(worker, message.part);
        return;
      case MessageKind.Answer:
        this.#collectors.get(message.id)?.answer(worker, message);
        return;
      case MessageKind.Call:
        void this.#call(worker, message);
        return;
      case MessageKind.Stats:
        worker.row.sockets = message.sockets;
        return;
      default:
        this.counters.dropped('malformed');
    }
  }

  #broadcast(from: HubWorker, message: Broadcast, body: Buffer | undefined): void {
    const targets = this.#targets(message.nsp, message.rooms);
    targets.delete(from);
    for (const worker of targets) worker.send(message, body);
  }

  #ask(asker: HubWorker, ask: Ask, body: Buffer | undefined): void {
    const { question } = ask;
    const targets =
      question.name === 'serverSideEmit'
        ? this.#targets(ask.nsp, [])
        : this.#targets(ask.nsp, ask.target.ids ?? ask.target.rooms, Array.isArray(ask.target.ids));
    targets.delete(asker);
    const roomsToJoin = question.name === 'join' ? question.rooms : [];
    const collector = new Collector<HubWorker>(ask, targets, (worker) => this.#nameOf(worker), {
      onPart: (part) => asker.send({ kind: MessageKind.Part, id: ask.id, from: asker.uid, part }),
      onDone: (answers, silent) => {
        this.#collectors.delete(ask.id);
        for (const room of roomsToJoin) {
          for (const worker of targets) this.#ordered.remove(worker, ask.nsp, room);
        }
        asker.send({ kind: MessageKind.Answer, id: ask.id, from: asker.uid, answers, silent });
      },
    });
    this.#collectors.set(ask.id, collector);
    for (const worker of targets) {
      for (const room of roomsToJoin) this.#ordered.add(worker, ask.nsp, room);
      worker.send(ask, body);
    }
    collector.start();
  }

  /**
   * The members that may have sockets in these rooms. An id-shaped room goes to the worker that the id names as well as to
   * those that announced it: ids are hints.
   * @param onlyThese an empty list means nobody, instead of everybody
   */
  #targets(nsp: string, rooms: string[], onlyThese = false): Set<HubWorker> {
    const targets = new Set<HubWorker>();
    if (rooms.length === 0 && !onlyThese) {
      for (const worker of this.#workers) if (worker.isMember) targets.add(worker);
      return targets;
    }
    for (const room of rooms) {
      this.#interest.collect(nsp, room, targets);
      this.#ordered.collect(nsp, room, targets);
      const owner = parseOwner(room);
      if (owner?.pod !== this.options.podTag) continue;
      for (const worker of this.#byTag.get(owner.worker) ?? []) if (worker.isMember) targets.add(worker);
    }
    return targets;
  }

  async #call(worker: HubWorker, call: Call): Promise<void> {
    const { id, service, method, args } = call;
    try {
      const offered = this.#services.get(service);
      if (!offered) throw new BusError('E_NO_SUCH_SERVICE', `the hub offers no service "${service}"`);
      worker.send({ kind: MessageKind.Result, id, value: await offered(method, args, worker.row) });
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: unknown };
      worker.send({
        kind: MessageKind.Result,
        id,
        error: { code: typeof code === 'string' ? code : 'E_SERVICE', message: String(message ?? error) },
      });
    }
  }

  #nameOf(worker: HubWorker): string {
    return `${this.options.podName}/${worker.row.number}`;
  }
}
