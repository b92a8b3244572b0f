import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { BusSnapshot } from '../../metrics/bus-metrics';
import { decodeMessage, encodeMessage, writeOrder } from '../codec';
import { BusCounters } from '../counters';
import { BusError } from '../errors';
import type { BusLog, PeerAddress, PodRow, PodState, WorkerRow } from '../fleet';
import type { HubService } from '../hub-services';
import { parseOwner } from '../ids';
import type { Link, LinkOrigin, LinkStatus } from '../link/link';
import {
  type Ask,
  type Broadcast,
  type Call,
  type Heartbeat,
  type Hello,
  type Message,
  MessageKind,
  type Part,
} from '../protocol';
import { HubRecovery } from '../recovery/hub-recovery';
import type { LogMark } from '../recovery/log-mark';
import type { SessionRecord } from '../recovery/session-record';
import type { Port } from '../transport/port';
import { SocketPort } from '../transport/socket-port';
import { PACKAGE_VERSION } from '../version';
import { ChannelMerge } from './channel-merge';
import { Collector, type CollectorOutput } from './collector';
import { HubWorker } from './hub-worker';
import { InterestTable } from './interest-table';
import { PodTable, type RemotePod } from './pod-table';
import { RecentIds } from './recent-ids';

/** Options of a {@link Hub}. */
export interface HubOptions {
  /** The pod's four-character tag in socket ids. */
  podTag: string;
  /** The pod's name, for people. */
  podName: string;
  log: BusLog;
  /** `false` for the hub of a process that does not listen: it sends and asks, but is no pod until it has a worker. Default `true`. */
  isPod?: boolean;
  /** How often this pod tells the others that it lives. Default 1000. */
  heartbeatEveryMs?: number;
  /** A pod that has not been heard for this long is gone. Default 5000. */
  heartbeatTimeoutMs?: number;
}

/** Makes the link of a hub. */
export type LinkFactory = (origin: LinkOrigin, counters: BusCounters) => Link;

/** What a {@link Hub} emits. */
interface HubEvents {
  'worker-joined': [row: WorkerRow];
  'worker-left': [row: WorkerRow];
  /** Another pod came, went, or takes passed-on requests elsewhere. */
  'pods-changed': [];
}

/** This long after its link has come up for the first time a pod knows the others: it greets them, and they answer at once. */
const ACQUAINTED_AFTER_MS = 300;
/** A link that does not come up is not waited for longer than this. */
const ALONE_AFTER_MS = 2_000;

type Responder = HubWorker | RemotePod;

/**
 * The middle of a pod: it knows which worker has which room, passes each message on to the workers it concerns and over
 * the link to the pods it concerns, gathers the answers to questions, and offers services (sessions, the member table)
 * to the workers.
 */
export class Hub extends EventEmitter<HubEvents> {
  readonly counters: BusCounters;
  /** Unique in the fleet, and for each start. */
  readonly uid = randomBytes(9).toString('base64url');
  readonly #workers = new Set<HubWorker>();
  readonly #byTag = new Map<string, Set<HubWorker>>();
  readonly #connections = new Set<Port>();
  readonly #interest = new InterestTable<HubWorker>({ freed: (nsp, room) => this.#releaseUnheld(nsp, room) });
  /** Rooms of sockets whose clients are away and may come back. */
  readonly #interestOfGone = new InterestTable<SessionRecord>({ freed: (nsp, room) => this.#releaseUnheld(nsp, room) });
  readonly #recovery = new HubRecovery({
    expectRooms: (worker, nsp, rooms) => {
      for (const room of rooms) this.#ordered.add(worker, nsp, room);
    },
    announcedRooms: (worker, nsp, rooms) => {
      for (const room of rooms) this.#ordered.remove(worker, nsp, room);
    },
    holdFor: (session, nsp, rooms) => {
      if (!this.#link) return;
      for (const room of rooms) {
        this.#interestOfGone.add(session, nsp, room);
        void this.#link.hold(nsp, room);
      }
    },
    releaseFor: (session) => this.#interestOfGone.removeHolder(session),
  });
  /** Rooms that a worker was told to join and has not announced yet; broadcasts that follow the order must reach it. */
  readonly #ordered = new InterestTable<HubWorker>();
  /** Rooms that sockets of other pods were told to join: until they answer, broadcasts to these go to every pod. */
  readonly #orderedElsewhere = new InterestTable<string>();
  readonly #collectors = new Map<string, Collector<Responder>>();
  readonly #services = new Map<string, HubService>();
  readonly #pods: PodTable;
  readonly #recent = new RecentIds();
  /** Per sending hub, on a link whose channels may overtake each other. */
  readonly #merges = new Map<string, ChannelMerge>();
  #link: Link | undefined;
  #heartbeatTimer: NodeJS.Timeout | undefined;
  #server: Server | undefined;
  #state: PodState = 'up';
  #peer: PeerAddress | undefined;
  #isPod: boolean;
  #isLinkLost = false;
  /** What the workers were told last of how far the link's log has been read. */
  #toldReached: LogMark | undefined;
  /** While this runs there may be pods that have not answered the greeting yet; questions wait for them. */
  #acquaintance: NodeJS.Timeout | undefined;
  #nextMessageId = 1;
  #closing = false;

  constructor(private readonly options: HubOptions) {
    super();
    this.counters = new BusCounters(options.log);
    this.#isPod = options.isPod !== false;
    this.#pods = new PodTable(
      { changed: () => this.#podsChanged(), left: (pod) => this.#podLeft(pod), lost: (pod) => this.#losePod(pod) },
      options.heartbeatTimeoutMs ?? 5_000,
      options.log,
    );
    this.offer('fleet', (method, args) => {
      if (method === 'table') return this.pods();
      if (method === 'link') return this.linkStatus() ?? null;
      if (method === 'dropped') return Object.fromEntries(this.counters.droppedByReason);
      if (method === 'forgetSessions') return this.#recovery.forget(String(args[0]));
      throw new BusError('E_NO_SUCH_SERVICE', `the fleet service has no method "${method}"`);
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

  /** Connects this pod to the others. The link connects by itself; `link.ready()` tells when it has. */
  connect(createLink: LinkFactory): Link {
    if (this.#link) throw new Error('this hub has a link already');
    this.#getAcquaintedWithin(ALONE_AFTER_MS);
    const link = createLink({ hub: this.uid, podTag: this.options.podTag }, this.counters);
    this.#link = link;
    if (link.log && link.openSessions) {
      this.#recovery.spanPods({
        ownHub: this.uid,
        log: link.log,
        openStore: link.openSessions,
        send: (podTag, message) => link.toPod(podTag, encodeMessage(message)),
      });
    }
    link.start({
      onMessage: (body, origin, channel) => this.#receiveFromPod(body, origin, channel),
      onGap: () => this.#recovery.linkBroken(),
      onUp: () => {
        this.#pods.excuseAll();
        this.#sendHeartbeat(true);
        if (this.#acquaintance) this.#getAcquaintedWithin(ACQUAINTED_AFTER_MS);
        // A log is read on from where it was left; it tells by itself what is missing.
        if (link.log) this.#recovery.logBegins();
        else this.#recovery.linkBroken();
        this.#tellLinkChange(true);
      },
      onDown: () => {
        if (!link.log) this.#recovery.linkBroken();
        this.#tellLinkChange(false);
      },
    });
    this.#interest.forEachRoom((nsp, room) => link.hold(nsp, room));
    const { heartbeatEveryMs = 1_000 } = this.options;
    let lastBeat = performance.now();
    this.#heartbeatTimer = setInterval(() => {
      const now = performance.now();
      const isLate = now - lastBeat > 2 * heartbeatEveryMs;
      lastBeat = now;
      // A process that was itself stopped or busy has not read yet what the others sent meanwhile.
      if (isLate || link.status().state !== 'up') this.#pods.excuseAll();
      else this.#pods.expire();
      this.#forgetIdleMerges();
      this.#tellReached();
      if (link.status().state === 'up' && this.#isPod) this.#sendHeartbeat(false);
    }, heartbeatEveryMs);
    this.#heartbeatTimer.unref();
    return link;
  }

  /** How the link to the other pods stands; `undefined` where there is none. */
  linkStatus(): LinkStatus | undefined {
    return this.#link?.status();
  }

  /** Everything that the metrics tell of the hub. */
  snapshot(): BusSnapshot {
    const pods = this.pods();
    const workers = pods.reduce((sum, pod) => sum + pod.workers.length, 0);
    return {
      ...this.counters.snapshot(),
      hub: {
        rooms: this.#interest.size,
        pods: pods.length,
        workers,
        link: this.linkStatus(),
        recovery: this.#recovery.holdings,
      },
    };
  }

  /** Offers a service that workers can call. */
  offer(name: string, service: HubService): void {
    this.#services.set(name, service);
  }

  /** Tells the other pods where this one takes requests that they pass on. */
  announcePeer(address: PeerAddress): void {
    this.#peer = address;
    if (this.#isPod) this.#sendHeartbeat(false);
  }

  /** This pod takes no new sockets any more; it still routes, delivers and answers. */
  drain(): void {
    this.#state = 'draining';
    this.#sendHeartbeat(false);
  }

  /** Questions of this pod's workers and of other pods that wait for an answer. */
  get openQuestions(): number {
    return this.#collectors.size;
  }

  /** The workers that are here now. */
  workers(): WorkerRow[] {
    return [...this.#workers].filter((worker) => worker.isMember).map((worker) => worker.row);
  }

  /** The pods of the fleet, this one first. */
  pods(): PodRow[] {
    const others = this.#pods.all().map((pod) => pod.row);
    return !this.#isPod ? others : [this.#ownRow(), ...others];
  }

  /** Takes a process at the other end of a port. */
  attach(port: Port): void {
    let worker: HubWorker | undefined;
    this.#connections.add(port);
    port.listen({
      onMessage: (message, body) => {
        if (message.kind === MessageKind.Hello) {
          if (worker) this.#promote(worker, message);
          else worker = this.#join(new HubWorker(port, message));
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

  /** Leaves the fleet, ends every connection and the listener. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const sessionsKept = this.#recovery.close();
    this.#state = 'left';
    clearInterval(this.#heartbeatTimer);
    clearTimeout(this.#acquaintance);
    for (const collector of this.#collectors.values()) collector.cancel();
    this.#collectors.clear();
    for (const merge of this.#merges.values()) merge.close();
    this.#merges.clear();
    for (const port of this.#connections) port.close();
    await sessionsKept;
    if (this.#link) {
      if (this.#isPod) this.#sendHeartbeat(false);
      await this.#link.close();
    }
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
    if (this.#isLinkLost) worker.send({ kind: MessageKind.LinkChange, up: false });
    if (worker.isMember) this.#welcomeMember(worker);
    else this.#tellMembers();
    return worker;
  }

  /** A process that so far only sent begins to serve. */
  #promote(worker: HubWorker, hello: Hello): void {
    if (worker.isMember || hello.role !== 'worker') return;
    worker.isMember = true;
    this.#recovery.workerServes(worker);
    this.#welcomeMember(worker);
  }

  #welcomeMember(worker: HubWorker): void {
    this.#isPod = true;
    this.#tellMembers();
    this.#sendHeartbeat(false);
    this.emit('worker-joined', worker.row);
  }

  #leave(worker: HubWorker): void {
    this.#workers.delete(worker);
    const sameTag = this.#byTag.get(worker.row.tag);
    sameTag?.delete(worker);
    if (sameTag?.size === 0) this.#byTag.delete(worker.row.tag);
    if (this.#closing) return;
    this.#recovery.workerLeft(worker);
    this.#interest.removeHolder(worker);
    this.#ordered.removeHolder(worker);
    for (const [id, collector] of this.#collectors) {
      if (collector.ask.from !== worker.uid) continue;
      collector.cancel();
      this.#collectors.delete(id);
    }
    this.#forgetResponder(worker);
    this.#tellMembers();
    if (worker.isMember) {
      this.#sendHeartbeat(false);
      this.emit('worker-left', worker.row);
    }
  }

  #getAcquaintedWithin(delayMs: number): void {
    clearTimeout(this.#acquaintance);
    this.#acquaintance = setTimeout(() => {
      this.#acquaintance = undefined;
      for (const collector of this.#collectors.values()) collector.noMore();
    }, delayMs);
  }

  #seen(origin: LinkOrigin, { pod: row, greeting }: Heartbeat): void {
    const isNew = !this.#pods.get(origin.hub);
    this.#pods.seen(origin, row);
    if (greeting) this.#sendHeartbeat(false, origin.podTag);
    const pod = this.#pods.get(origin.hub);
    if (pod && isNew) this.#compareLinks(row);
    if (!pod || !isNew || greeting) return;
    // It answers this pod's greeting, so it was there before, and has got every question that followed the greeting.
    for (const collector of this.#collectors.values()) collector.add(pod);
  }

  /** Signs of life and answers go the same way on some links, so such pods know each other and get no broadcast. */
  #compareLinks({ name, link }: PodRow): void {
    const own = this.#link?.name;
    if (link === undefined || own === undefined || link === own) return;
    this.options.log.error(
      `Flotilla: pod ${name} has the link ${link}, this process ${own}: broadcasts do not go from one to the other. Set sails.config.flotilla.link to the same everywhere`,
    );
  }

  #losePod(pod: RemotePod): void {
    for (const collector of this.#collectors.values()) collector.lost(pod);
    this.#forgetPod(pod);
  }

  #podLeft(pod: RemotePod): void {
    this.#recovery.hubLeft(pod.hub);
    this.#forgetPod(pod);
  }

  #forgetPod(pod: RemotePod): void {
    this.#merges.get(pod.hub)?.close();
    this.#merges.delete(pod.hub);
    this.#forgetResponder(pod);
  }

  /** Senders that are no pods leave without a word. */
  #forgetIdleMerges(): void {
    for (const [hub, merge] of this.#merges) {
      if (this.#pods.get(hub) || !merge.isIdle()) continue;
      merge.close();
      this.#merges.delete(hub);
    }
  }

  /** Nobody waits for the gone: it counts as one that had nothing to say. */
  #forgetResponder(responder: Responder): void {
    for (const collector of this.#collectors.values()) collector.left(responder);
  }

  #podsChanged(): void {
    this.#tellMembers();
    this.emit('pods-changed');
  }

  /** Workers that get nothing through the hub know all the same how far it has read. */
  #tellReached(): void {
    const { reached: mark } = this.#recovery;
    if (mark === undefined || mark === this.#toldReached) return;
    this.#toldReached = mark;
    for (const worker of this.#workers) if (worker.isMember) worker.send({ kind: MessageKind.LogReached, mark });
  }

  #tellMembers(): void {
    const members = this.workers().length + this.#pods.workers;
    for (const worker of this.#workers) {
      worker.send({ kind: MessageKind.Members, others: worker.isMember ? members - 1 : members });
    }
  }

  /** Workers hear of outages, not of the first connection. */
  #tellLinkChange(up: boolean): void {
    if (up === !this.#isLinkLost) return;
    this.#isLinkLost = !up;
    for (const worker of this.#workers) worker.send({ kind: MessageKind.LinkChange, up });
  }

  #receive(worker: HubWorker, message: Message, body: Buffer | undefined): void {
    switch (message.kind) {
      case MessageKind.Interest:
        this.#recovery.workerHolds(worker, message.nsp, message.room, message.on);
        if (message.on) {
          this.#interest.add(worker, message.nsp, message.room);
          worker.confirm(message.seq, this.#link?.hold(message.nsp, message.room));
        } else {
          this.#interest.remove(worker, message.nsp, message.room);
          worker.confirm(message.seq, message.room === '' ? this.#recovery.stored() : undefined);
        }
        return;
      case MessageKind.Broadcast:
        this.#broadcast(message, body, worker);
        this.#broadcastElsewhere(message, body);
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
        if (!this.#recovery.receive(worker, message)) this.counters.dropped('malformed');
    }
  }

  #releaseUnheld(nsp: string, room: string): void {
    if (!this.#interest.has(nsp, room) && !this.#interestOfGone.has(nsp, room)) this.#link?.release(nsp, room);
  }

  #receiveFromPod(body: Buffer, origin: LinkOrigin, channel: string): void {
    const message = decodeMessage(body);
    if (typeof message === 'string') {
      this.counters.dropped(message);
      return;
    }
    try {
      this.#handleFromPod(message, body, origin, channel);
    } catch (error) {
      this.counters.failed(error);
    }
  }

  #handleFromPod(message: Message, body: Buffer, origin: LinkOrigin, channel: string): void {
    switch (message.kind) {
      case MessageKind.Heartbeat:
        this.#seen(origin, message);
        return;
      case MessageKind.Broadcast:
        if (this.#link?.isPartitioned) this.#mergeFor(origin.hub).receive(channel, message, body);
        else if (message.id && !this.#recent.add(message.id)) this.counters.link.duplicates += 1;
        else this.#broadcast(message, body, undefined, this.#link?.log && origin.hub);
        return;
      case MessageKind.SessionAsk:
        this.#recovery.asked(message, origin.podTag);
        return;
      case MessageKind.SessionAnswer:
        this.#recovery.answered(message);
        return;
      case MessageKind.Ask:
        // This pod's answer has to be there before the asking pod's deadline, also when one of its workers is silent.
        this.#collect({ ...message, deadlineMs: message.deadlineMs * 0.8 }, body, this.#localTargets(message), {
          onPart: (part) =>
            this.#link?.toPod(
              origin.podTag,
              encodeMessage({ kind: MessageKind.Part, id: message.id, from: this.uid, part }),
            ),
          onDone: (answers, silent) =>
            this.#link?.toPod(
              origin.podTag,
              encodeMessage({ kind: MessageKind.Answer, id: message.id, from: this.uid, answers, silent }),
            ),
        });
        return;
      case MessageKind.Part: {
        const pod = this.#pods.get(origin.hub);
        if (pod) this.#collectors.get(message.id)?.part(pod, message.part);
        return;
      }
      case MessageKind.Answer: {
        const pod = this.#pods.get(origin.hub);
        if (pod) this.#collectors.get(message.id)?.answer(pod, message);
        return;
      }
      default:
        this.counters.dropped('malformed');
    }
  }

  #mergeFor(hub: string): ChannelMerge {
    let merge = this.#merges.get(hub);
    if (!merge) {
      merge = new ChannelMerge(
        (message) => this.#link?.channelsOf(message.nsp, message.rooms) ?? [],
        (message, body) => this.#broadcast(message, body),
        () => {
          this.counters.link.duplicates += 1;
        },
      );
      this.#merges.set(hub, merge);
    }
    return merge;
  }

  /** @param hub who has sent it, where that is another pod's and the link keeps a log */
  #broadcast(message: Broadcast, body: Buffer | undefined, from?: HubWorker, hub?: string): void {
    const { except } = message;
    message.order = this.#recovery.record(message, from, hub);
    message.reached = this.#recovery.reached;
    const unchanged = message.except === except ? body : undefined;
    if (unchanged) writeOrder(unchanged, message.order, message.reached);
    for (const worker of this.#targets(message.nsp, message.rooms)) {
      if (worker !== from) worker.send(message, unchanged);
    }
  }

  #broadcastElsewhere(message: Broadcast, encoded: Buffer | undefined): void {
    const link = this.#link;
    if (!link) return;
    const { nsp, rooms } = message;
    if (rooms.length === 0 || link.log) {
      // Every pod reads the whole log, so there is nobody that a message to rooms could miss.
      link.toAll(encoded ?? encodeMessage(message), this.#recovery.loggedListener(message));
      return;
    }
    const isOrdered = rooms.some((room) => this.#orderedElsewhere.has(nsp, room));
    let body = encoded;
    if (isOrdered && !message.id) {
      message.id = `${this.uid}:${this.#nextMessageId++}`;
      body = undefined;
    }
    body ??= encodeMessage(message);
    link.toRooms(nsp, rooms, body);
    if (isOrdered) {
      link.toAll(body);
      return;
    }
    const pods = new Set<string>();
    for (const room of rooms) {
      const owner = parseOwner(room);
      if (owner && owner.pod !== this.options.podTag) pods.add(owner.pod);
    }
    for (const pod of pods) link.toPod(pod, body);
  }

  #ask(asker: HubWorker, ask: Ask, body: Buffer | undefined): void {
    const workers = this.#localTargets(ask);
    workers.delete(asker);
    const pods = this.#link ? this.#pods.all() : [];
    const hasOthers = pods.length > 0 || this.#acquaintance !== undefined;
    const roomsToJoin = hasOthers && ask.question.name === 'join' ? ask.question.rooms : [];
    for (const room of roomsToJoin) this.#orderedElsewhere.add(ask.id, ask.nsp, room);
    if (hasOthers) this.#link?.toAll(body ?? encodeMessage(ask));
    this.#collect(
      ask,
      body,
      workers,
      {
        onPart: (part) => asker.send({ kind: MessageKind.Part, id: ask.id, from: asker.uid, part }),
        onDone: (answers, silent) => {
          this.#orderedElsewhere.removeHolder(ask.id);
          if (silent.length > 0) this.counters.deadlineMisses += 1;
          asker.send({ kind: MessageKind.Answer, id: ask.id, from: asker.uid, answers, silent });
        },
      },
      pods,
    );
  }

  /**
   * Puts a question to workers of this pod and gathers their answers.
   * @param pods for a question of this pod: the other pods, which have been asked as well
   */
  #collect(
    ask: Ask,
    body: Buffer | undefined,
    workers: Set<HubWorker>,
    output: CollectorOutput,
    pods?: RemotePod[],
  ): void {
    const roomsToJoin = ask.question.name === 'join' ? ask.question.rooms : [];
    const collector = new Collector<Responder>(
      ask,
      [...workers, ...(pods ?? [])],
      (responder) => this.#nameOf(responder),
      {
        onPart: (part: Part['part']) => output.onPart(part),
        onDone: (answers, silent) => {
          this.#collectors.delete(ask.id);
          for (const room of roomsToJoin) for (const worker of workers) this.#ordered.remove(worker, ask.nsp, room);
          output.onDone(answers, silent);
        },
      },
    );
    this.#collectors.set(ask.id, collector);
    if (pods && this.#acquaintance) collector.expectMore();
    for (const worker of workers) {
      for (const room of roomsToJoin) this.#ordered.add(worker, ask.nsp, room);
      worker.send(ask, body);
    }
    if (isOrderToRooms(ask)) this.#passOnToRest(ask, body, workers);
    collector.start();
  }

  /** A socket may have joined a room that its worker's announcement is still on the way for. Nobody waits for these. */
  #passOnToRest(ask: Ask, body: Buffer | undefined, asked: Set<HubWorker>): void {
    for (const worker of this.#workers) {
      if (worker.isMember && worker.uid !== ask.from && !asked.has(worker)) worker.send(ask, body);
    }
  }

  #localTargets({ nsp, question, target }: Ask): Set<HubWorker> {
    if (question.name === 'serverSideEmit') return this.#targets(nsp, []);
    return target.ids ? this.#targets(nsp, target.ids, true) : this.#targets(nsp, target.rooms);
  }

  /**
   * The workers that may have sockets in these rooms. An id-shaped room goes to the worker that the id names as well as to
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

  #sendHeartbeat(greeting: boolean, toPod?: string): void {
    if (!this.#link) return;
    // A process that is no pod greets to learn who is there, and is forgotten at once.
    const pod: PodRow = !this.#isPod ? { ...this.#ownRow(), state: 'left', workers: [] } : this.#ownRow();
    const body = encodeMessage({ kind: MessageKind.Heartbeat, pod, greeting });
    // A greeting goes the way of the questions that follow it, so that whoever answers those is known by then.
    if (greeting) this.#link.toAll(body, () => this.#tellReached());
    else if (toPod === undefined) this.#link.announce(body);
    else if (this.#isPod) this.#link.toPod(toPod, body);
  }

  #ownRow(): PodRow {
    return {
      name: this.options.podName,
      tag: this.options.podTag,
      state: this.#state,
      version: PACKAGE_VERSION,
      lastSeen: Date.now(),
      workers: this.workers().sort((left, right) => left.number - right.number),
      ...(this.#peer && { peer: this.#peer }),
      ...(this.#link && { link: this.#link.name }),
    };
  }

  #nameOf(responder: Responder): string {
    return responder instanceof HubWorker ? `${this.options.podName}/${responder.row.number}` : responder.row.name;
  }
}

/** Whether the members of some rooms are told to do something. */
function isOrderToRooms({ question, target }: Ask): boolean {
  const isOrder = question.name === 'join' || question.name === 'leave' || question.name === 'leaveAll';
  return (isOrder || question.name === 'disconnect') && !target.ids && target.rooms.length > 0;
}
