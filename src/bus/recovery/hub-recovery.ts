import type { HubWorker } from '../hub/hub-worker';
import { ownCopy } from '../own-copy';
import { type Broadcast, type Message, MessageKind, originOf } from '../protocol';
import { type LogMark, markOf } from './log-mark';
import type {
  OwnEvent,
  RecoveryAnswer,
  RecoveryBegin,
  RecoveryFailure,
  RecoveryQuestion,
  RecoveryRequest,
  SessionChange,
  SessionChanges,
} from './messages';
import { NamespaceSessions, type WorkerPlace } from './namespace-sessions';
import { PodSessions, type PodSessionsOptions } from './pod-sessions';
import type { Position } from './position';
import { type Cut, missedBy, missedInLog, nextBatch, withOffsets } from './replay';
import { isSame, later, markIn, positionOf } from './resume-position';
import type { SessionAnswer, SessionAsk } from './session-messages';
import { SessionRecord } from './session-record';

/** A worker that does not end a socket's older incarnation within this time is not waited for. */
const EVICTION_LIMIT_MS = 1_000;
const EXPIRE_EVERY_MS = 5_000;

/** What of the hub recovery relies on. */
export interface RecoveryHost {
  /** From now on messages to these rooms go to this worker too, until it has announced them itself. */
  expectRooms(worker: HubWorker, nsp: string, rooms: string[]): void;
  announcedRooms(worker: HubWorker, nsp: string, rooms: string[]): void;
  /** Messages of other pods to these rooms are still wanted, although no worker holds them. */
  holdFor(session: SessionRecord, nsp: string, rooms: string[]): void;
  releaseFor(session: SessionRecord): void;
}

/** How much recovery holds, over all namespaces. */
export interface RecoveryHoldings {
  messages: number;
  bytes: number;
  sessions: number;
  /** Of these, the ones whose client is away. */
  gone: number;
  /** Sessions that came from other pods, by how their pod was; nothing where the link keeps no log. */
  arrived?: { alive: number; gone: number };
}

/**
 * The hub's part of connection state recovery: it puts the messages of each namespace in order, keeps the latest of them,
 * and knows the state of each socket as its worker writes it. A worker that a client comes back to gets both from here.
 */
export class HubRecovery {
  readonly #namespaces = new Map<string, NamespaceSessions>();
  readonly #evictions = new Map<number, { worker: HubWorker; proceed: (isAnswered: boolean) => void }>();
  #nextEviction = 1;
  #timer: NodeJS.Timeout | undefined;
  /** Where the link keeps a log: recovery between pods. */
  #pods: PodSessions | undefined;

  constructor(private readonly host: RecoveryHost) {}

  /** The link keeps a log, and clients may go on at other pods. */
  spanPods(options: Omit<PodSessionsOptions, 'namespaces' | 'owner'>): void {
    this.#pods = new PodSessions({
      ...options,
      namespaces: this.#namespaces,
      owner: {
        positionOf,
        evict: (nsp, session) => this.#evictOlder(nsp, session),
        obstacle: (namespace, session, from, silent) => this.#obstacle(namespace, session, from, silent),
        settle: (session, nsp) => this.#settle(session, nsp),
        released: (session) => this.host.releaseFor(session),
      },
    });
  }

  /** How far the link's log has been read. */
  get reached(): LogMark | undefined {
    return this.#pods?.log.reached;
  }

  /** Reading the link's log has begun. */
  logBegins(): void {
    if (!this.#pods) return;
    this.#pods.isReading = true;
    for (const { log } of this.#namespaces.values()) log.inLog.begin(this.#pods.log.start);
  }

  /**
   * Gives a broadcast its number and keeps it. Returns 0 where nobody wants either. May leave out sockets, in `except`.
   * @param hub who has sent it, where that is another one and the link keeps a log
   */
  record(message: Broadcast, worker: HubWorker | undefined, hub?: string): number {
    const namespace = this.#namespaces.get(message.nsp);
    if (!namespace || !message.payload || message.flags.volatile) return 0;
    const { rooms, except, payload } = message;
    if (!this.#pods)
      return namespace.log.add({ ...namespace.placed(worker, message.seq), rooms, except, payload }).order;
    const { reached } = this;
    if (hub === undefined) {
      const place = namespace.placed(worker, message.seq);
      const logged = namespace.log.add({ ...place, rooms, except, payload, reached });
      namespace.log.inLog.expect(logged);
      return logged.order;
    }
    const { seq, from, order: hubOrder = 0 } = message;
    const origin = seq === undefined ? '' : (message.origin ?? originOf(from));
    const place = { origin, seq: seq ?? 0, hub, hubOrder, mark: reached as LogMark };
    const { givenUp } = this.#pods;
    const leftOut = givenUp.size === 0 ? [] : givenUp.whoHas(hub, message, { ...place, order: 0 });
    if (leftOut.length > 0) message.except = [...except, ...leftOut];
    return namespace.log.add({ ...place, rooms, except: message.except, payload, reached }).order;
  }

  /** To be told where the message that was recorded last stands in the link's log. Nothing where nobody wants to know. */
  loggedListener({ nsp, order }: Broadcast): ((logId: string) => void) | undefined {
    const namespace = order && this.#pods ? this.#namespaces.get(nsp) : undefined;
    const message = namespace?.log.inLog.unlogged.at(-1);
    if (!namespace || !message) return undefined;
    return (logId) => {
      if (namespace.log.inLog.logged(message, markOf(logId))) this.#pods?.log.broken();
    };
  }

  /** Handles a worker's message. Returns false for those that are none of recovery's. */
  receive(worker: HubWorker, message: Message): boolean {
    switch (message.kind) {
      case MessageKind.RecoveryBegin:
        this.#begin(worker, message);
        return true;
      case MessageKind.SessionChanges:
        this.#change(worker, message);
        return true;
      case MessageKind.OwnEvent:
        this.#keepOwn(worker, message);
        return true;
      case MessageKind.RecoveryRequest:
        this.#request(worker, message);
        return true;
      case MessageKind.Evicted:
        this.#evicted(message.id, true);
        return true;
      default:
        return false;
    }
  }

  /** A worker begins to serve: from now on it gets what is sent to everybody. */
  workerServes(worker: HubWorker): void {
    for (const namespace of this.#namespaces.values()) namespace.serves(worker);
  }

  /** A worker holds a room from now on, or no longer. */
  workerHolds(worker: HubWorker, nsp: string, room: string, on: boolean): void {
    this.#namespaces.get(nsp)?.holds(worker, room, on);
  }

  /** A worker is gone. To be told before its rooms are forgotten. */
  workerLeft(worker: HubWorker): void {
    for (const namespace of this.#namespaces.values()) {
      for (const session of namespace.workerLeft(worker)) {
        this.#settle(session, namespace.nsp);
        this.host.holdFor(session, namespace.nsp, session.rooms);
        this.#pods?.changed(namespace, session);
      }
    }
    for (const [id, eviction] of this.#evictions) if (eviction.worker === worker) this.#evicted(id, true);
  }

  /** Messages of other pods may have been lost. */
  linkBroken(): void {
    this.#pods?.log.broken();
    for (const namespace of this.#namespaces.values()) namespace.linkOutageUntil = namespace.log.order + 1;
  }

  /** Forgets sessions whose client is away, by how their binding begins, up to its first colon. Returns how many were here. */
  forget(prefix: string): number {
    let forgotten = 0;
    for (const namespace of this.#namespaces.values()) {
      forgotten += namespace.forget((binding) => binding.startsWith(prefix));
    }
    this.#pods?.forget(prefix);
    return forgotten;
  }

  /** Nothing where no namespace has recovery. */
  get holdings(): RecoveryHoldings | undefined {
    if (this.#namespaces.size === 0) return undefined;
    const arrived = this.#pods && { ...this.#pods.arrivals };
    const holdings = { messages: 0, bytes: 0, sessions: 0, gone: 0, ...(arrived && { arrived }) };
    for (const { log, size, gone } of this.#namespaces.values()) {
      holdings.messages += log.size;
      holdings.bytes += log.bytes;
      holdings.sessions += size;
      holdings.gone += gone;
    }
    return holdings;
  }

  /** Settles when what workers have told so far is stored for other pods, or after a moment. Nothing where it is. */
  stored(): Promise<void> | undefined {
    return this.#pods?.stored();
  }

  /** Another hub asks for a session. */
  asked(ask: SessionAsk, podTag: string): void {
    void this.#pods?.handOver(ask, podTag);
  }

  /** Another hub has answered. */
  answered(answer: SessionAnswer): void {
    this.#pods?.answered(answer);
  }

  /** Another hub has said that it leaves. */
  hubLeft(hub: string): void {
    this.#pods?.left(hub);
  }

  close(): Promise<void> | undefined {
    clearInterval(this.#timer);
    for (const id of this.#evictions.keys()) this.#evicted(id, false);
    return this.#pods?.close();
  }

  #begin(worker: HubWorker, message: RecoveryBegin): void {
    let namespace = this.#namespaces.get(message.nsp);
    if (!namespace) {
      const { nsp } = message;
      const onRemoved = (session: SessionRecord) => {
        this.host.releaseFor(session);
        this.#pods?.removed(nsp, session);
      };
      namespace = new NamespaceSessions(nsp, message.settings, onRemoved, () => this.reached);
      this.#namespaces.set(nsp, namespace);
      if (this.#pods?.isReading) namespace.log.inLog.begin(this.#pods.log.start);
    }
    namespace.begin(worker, message);
    this.#pods?.begin();
    const { reached: mark } = this;
    if (mark !== undefined) worker.send({ kind: MessageKind.LogReached, mark });
    const epoch = this.#pods?.epoch;
    if (epoch !== undefined) worker.send({ kind: MessageKind.Unstored, nsp: namespace.nsp, epoch, sids: [] });
    if (this.#timer) return;
    this.#timer = setInterval(() => {
      for (const each of this.#namespaces.values()) each.expire();
      this.#pods?.givenUp.expire();
    }, EXPIRE_EVERY_MS);
    this.#timer.unref();
  }

  #change(worker: HubWorker, { nsp, changes }: SessionChanges): void {
    const namespace = this.#namespaces.get(nsp);
    const place = namespace?.placeOf(worker);
    if (!namespace || !place) return;
    for (const change of changes) {
      if (change.op === 'open') this.#open(namespace, worker, place, change);
      else this.#apply(namespace, worker, place, change);
    }
  }

  #open(
    namespace: NamespaceSessions,
    worker: HubWorker,
    place: WorkerPlace,
    change: SessionChange & { op: 'open' },
  ): void {
    const { key, seq } = change;
    const { origin, memberSince, heldSince, origins } = place;
    const known = namespace.byKey(key);
    // It has been resumed elsewhere while its worker was cut off.
    if (known && known.generation > change.generation) return;
    const position = later({ origin, seq, order: change.order, ...markIn(change) }, memberSince);
    const started = isSame(position, place.lastStarted) ? place.lastStarted : position;
    place.lastStarted = started;
    const { generation, isRepeated } = change;
    const session = new SessionRecord(ownCopy(change.sid), ownCopy(key), started, {
      generation,
      worker,
      data: withoutEmpty(change.data),
      binding: ownCopy(change.binding),
      isRepeated,
      origins,
    });
    for (const room of change.rooms) session.join(ownCopy(room), later(started, heldSince.get(room)));
    namespace.add(session);
    this.#pods?.changed(namespace, session);
  }

  #apply(
    namespace: NamespaceSessions,
    worker: HubWorker,
    { origin, heldSince }: WorkerPlace,
    change: Exclude<SessionChange, { op: 'open' }>,
  ): void {
    const { nsp, log } = namespace;
    const session = namespace.current(change.sid, change.generation);
    if (!session || session.worker !== worker) return;
    switch (change.op) {
      case 'join': {
        // What the socket gets live: all that comes to its worker from now on, which is what came after the worker held the room.
        const told = { origin, seq: change.seq, order: change.order, ...markIn(change) };
        session.join(ownCopy(change.room), later(told, heldSince.get(change.room) ?? namespace.moment));
        break;
      }
      case 'leave':
        session.leave(change.room, { origin, seq: change.seq, order: change.order, ...markIn(change) }, log);
        break;
      case 'data':
        session.data = withoutEmpty(change.data);
        break;
      case 'binding':
        session.binding = ownCopy(change.binding);
        break;
      case 'settled':
        this.#settle(session, nsp);
        return;
      case 'gone':
        session.data = withoutEmpty(change.data);
        session.binding = ownCopy(change.binding);
        this.#settle(session, nsp);
        namespace.setGone(session);
        this.host.holdFor(session, nsp, session.rooms);
        break;
      case 'end':
        this.#settle(session, nsp);
        namespace.remove(session);
        return;
    }
    this.#pods?.changed(namespace, session);
  }

  #settle(session: SessionRecord, nsp: string): void {
    if (session.expected && session.worker) this.host.announcedRooms(session.worker, nsp, session.expected);
    session.expected = undefined;
  }

  #keepOwn(worker: HubWorker, { nsp, sid, generation, seq, payload }: OwnEvent): void {
    const namespace = this.#namespaces.get(nsp);
    if (!namespace) return;
    const place = namespace.placed(worker, seq);
    const session = namespace.current(sid, generation);
    if (session?.worker !== worker) return;
    const { reached } = this;
    const event = namespace.log.add({
      ...place,
      rooms: [],
      except: [],
      only: sid,
      payload,
      ...(reached && { reached }),
    });
    session.hasOwn = true;
    this.#pods?.ownEvent(namespace, session, event);
  }

  #request(worker: HubWorker, { id, nsp, question }: RecoveryRequest): void {
    const answer = (answer: RecoveryAnswer) => worker.send({ kind: MessageKind.RecoveryReply, id, nsp, answer });
    const refuse = (reason: RecoveryFailure) => answer({ name: 'refused', reason });
    const namespace = this.#namespaces.get(nsp);
    if (!namespace) {
      refuse('unknown-session');
      return;
    }
    if (question.name === 'more') {
      const session = namespace.current(question.sid, question.generation);
      if (session?.replay) answer({ name: 'more', ...nextBatch(session) });
      else refuse('superseded');
      return;
    }
    const session = namespace.byKey(question.key);
    if (!session) {
      if (this.#pods) void this.#requestElsewhere(this.#pods, namespace, worker, question, answer, refuse);
      else refuse('unknown-session');
      return;
    }
    if (namespace.isExpired(session)) {
      namespace.remove(session);
      refuse('expired');
      return;
    }
    if (question.name === 'look') answer({ name: 'looked', generation: session.generation, binding: session.binding });
    else this.#take(namespace, session, worker, question, answer, refuse);
  }

  /** No worker of this pod has had the session. */
  async #requestElsewhere(
    pods: PodSessions,
    namespace: NamespaceSessions,
    worker: HubWorker,
    question: Exclude<RecoveryQuestion, { name: 'more' }>,
    answer: (answer: RecoveryAnswer) => void,
    refuse: (reason: RecoveryFailure) => void,
  ): Promise<void> {
    if (question.name === 'look') {
      const found = await pods.look(namespace.nsp, question.key);
      if (typeof found === 'string') refuse(found);
      else answer({ name: 'looked', ...found });
      return;
    }
    const fetched = await pods.fetch(namespace, question);
    if (typeof fetched === 'string') refuse(fetched);
    else this.#take(namespace, fetched, worker, question, answer, refuse);
  }

  #take(
    namespace: NamespaceSessions,
    session: SessionRecord,
    worker: HubWorker,
    question: RecoveryQuestion & { name: 'take' },
    answer: (answer: RecoveryAnswer) => void,
    refuse: (reason: RecoveryFailure) => void,
  ): void {
    if (session.generation !== question.generation) {
      refuse('superseded');
      return;
    }
    const from = positionOf(session, question.offset);
    if (!from) {
      namespace.remove(session);
      refuse('unknown-offset');
      return;
    }
    // From now on the older incarnation has no say.
    session.generation += 1;
    const { generation } = session;
    const older = session.goneAt === undefined ? session.worker : undefined;
    this.#evict(namespace.nsp, session.sid, older, (isAnswered) => {
      const proceed = (failure?: RecoveryFailure) => {
        if (namespace.current(session.sid, generation) !== session) {
          refuse('superseded');
          return;
        }
        this.#settle(session, namespace.nsp);
        const reason = failure ?? this.#obstacle(namespace, session, from, isAnswered ? undefined : older);
        if (reason) {
          namespace.remove(session);
          refuse(reason);
        } else {
          answer(this.#handOver(namespace, session, worker, from, question.offset));
        }
      };
      // What another hub's position leaves open is in the log, as far as it has got there.
      if (from.hub !== undefined && this.#pods) void this.#pods.reachBack(namespace, from).then(proceed);
      else proceed();
    });
  }

  /** Ends what is left of a socket. Settles with its worker, where that does not answer. */
  #evictOlder(nsp: string, session: SessionRecord): Promise<HubWorker | undefined> {
    const older = session.goneAt === undefined ? session.worker : undefined;
    return new Promise((resolve) => {
      this.#evict(nsp, session.sid, older, (isAnswered) => resolve(isAnswered ? undefined : older));
    });
  }

  #obstacle(
    namespace: NamespaceSessions,
    session: SessionRecord,
    from: Position,
    silent: HubWorker | undefined,
  ): RecoveryFailure | undefined {
    const place = namespace.placeOf(silent);
    // The client has got messages that this hub would take for new ones when they come.
    if (place && place.origin === from.origin && place.seq < from.seq) return 'old-worker-silent';
    if (from.hub !== undefined) {
      if (from.mark === undefined || this.#pods?.log.isBrokenAfter(from.mark)) return 'link-outage';
      return session.isCompleteInLog(from.mark, namespace.log) ? undefined : 'trimmed';
    }
    const { linkOutageUntil } = namespace;
    const { started } = session;
    const isOlder = started.hub !== undefined || started.order < linkOutageUntil;
    if (from.order < linkOutageUntil && isOlder) return 'link-outage';
    return session.isCompleteAfter(from, namespace.log) ? undefined : 'trimmed';
  }

  /** The cut: what has come up to now is replayed, what comes later goes to the worker as it comes. */
  #handOver(
    namespace: NamespaceSessions,
    session: SessionRecord,
    worker: HubWorker,
    from: Position,
    offset: string | null,
  ): RecoveryAnswer {
    const { nsp, log } = namespace;
    const place = namespace.placeOf(worker);
    if (!place) return { name: 'refused', reason: 'unknown-session' };
    const { rooms } = session;
    this.host.expectRooms(worker, nsp, rooms);
    this.host.releaseFor(session);
    session.worker = worker;
    session.expected = rooms;
    namespace.setBack(session);
    if (!session.origins.has(place.origin)) session.addOrigin(place.origin, undefined);
    session.addOrigin(namespace.origin, undefined);
    const { reached } = this;
    const epoch = this.#pods?.epoch;
    if (from.hub === undefined) session.replay = missedBy(session, from, [...log.after(from.order)], epoch);
    else {
      const cut: Cut = { origin: namespace.origin, order: log.order, mark: reached as LogMark, epoch };
      const missed = missedInLog(session, from, log);
      const has = missed.length > 0 ? from : { origin: cut.origin, seq: 0, order: cut.order, mark: cut.mark };
      session.floor = { offset, position: has };
      session.replay = withOffsets(missed, from, cut);
    }
    this.#pods?.changed(namespace, session);
    return {
      name: 'taken',
      sid: session.sid,
      generation: session.generation,
      rooms,
      data: session.data,
      cut: log.order,
      ...(reached !== undefined && { reached }),
      knownSeq: place.seq,
      ...nextBatch(session),
    };
  }

  #evict(nsp: string, sid: string, worker: HubWorker | undefined, proceed: (isAnswered: boolean) => void): void {
    if (!worker) {
      proceed(true);
      return;
    }
    const id = this.#nextEviction++;
    const timer = setTimeout(() => this.#evicted(id, false), EVICTION_LIMIT_MS);
    this.#evictions.set(id, {
      worker,
      proceed: (isAnswered) => {
        clearTimeout(timer);
        proceed(isAnswered);
      },
    });
    worker.send({ kind: MessageKind.Evict, id, nsp, sid });
  }

  #evicted(id: number, isAnswered: boolean): void {
    const eviction = this.#evictions.get(id);
    this.#evictions.delete(id);
    eviction?.proceed(isAnswered);
  }
}

/** An object for each of many sockets that have no data would be kept for nothing. */
function withoutEmpty(data: unknown): unknown {
  const isPlain = typeof data === 'object' && data !== null && Object.getPrototypeOf(data) === Object.prototype;
  return isPlain && Object.keys(data).length === 0 ? undefined : data;
}
