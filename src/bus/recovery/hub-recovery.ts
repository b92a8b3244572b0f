import type { HubWorker } from '../hub/hub-worker';
import { type Broadcast, type Message, MessageKind } from '../protocol';
import type { LoggedMessage } from './message-log';
import type {
  MissedMessage,
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
import { formatOffset, isAfter, type Position, parseOffset } from './position';
import { SessionRecord } from './session-record';

/** A worker that does not end a socket's older incarnation within this time is not waited for. */
const EVICTION_LIMIT_MS = 1_000;
const EXPIRE_EVERY_MS = 5_000;
/** About so many bytes of missed messages go to a worker at once; it asks for more as the client takes them. */
const BATCH_BYTES = 256 * 1024;

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

  constructor(private readonly host: RecoveryHost) {}

  /** Gives a broadcast its number and keeps it. Returns 0 where nobody wants either. */
  record(message: Broadcast, worker: HubWorker | undefined): number {
    const namespace = this.#namespaces.get(message.nsp);
    if (!namespace || !message.payload || message.flags.volatile) return 0;
    const { rooms, except, payload } = message;
    return namespace.log.add({ ...namespace.placed(worker, message.seq), rooms, except, payload });
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
      }
    }
    for (const [id, eviction] of this.#evictions) if (eviction.worker === worker) this.#evicted(id, true);
  }

  /** Messages of other pods may have been lost. */
  linkBroken(): void {
    for (const namespace of this.#namespaces.values()) namespace.linkOutageUntil = namespace.log.order + 1;
  }

  /** Forgets sessions whose client is away, by what they are bound to. Returns how many there were. */
  forget(isMeant: (binding: string) => boolean): number {
    let forgotten = 0;
    for (const namespace of this.#namespaces.values()) forgotten += namespace.forget(isMeant);
    return forgotten;
  }

  /** Nothing where no namespace has recovery. */
  get holdings(): RecoveryHoldings | undefined {
    if (this.#namespaces.size === 0) return undefined;
    const holdings = { messages: 0, bytes: 0, sessions: 0, gone: 0 };
    for (const { log, size, gone } of this.#namespaces.values()) {
      holdings.messages += log.size;
      holdings.bytes += log.bytes;
      holdings.sessions += size;
      holdings.gone += gone;
    }
    return holdings;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const id of this.#evictions.keys()) this.#evicted(id, false);
  }

  #begin(worker: HubWorker, message: RecoveryBegin): void {
    let namespace = this.#namespaces.get(message.nsp);
    if (!namespace) {
      namespace = new NamespaceSessions(message.nsp, message.settings, (session) => this.host.releaseFor(session));
      this.#namespaces.set(message.nsp, namespace);
    }
    namespace.begin(worker, message);
    if (this.#timer) return;
    this.#timer = setInterval(() => {
      for (const each of this.#namespaces.values()) each.expire();
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
    { origin, memberSince, heldSince }: WorkerPlace,
    change: SessionChange & { op: 'open' },
  ): void {
    const { sid, key, seq } = change;
    const known = namespace.byKey(key);
    // It has been resumed elsewhere while its worker was cut off.
    if (known && known.generation > change.generation) return;
    const started = { origin, seq, order: Math.max(change.order, memberSince) };
    const session = new SessionRecord(sid, key, started, { ...change, worker });
    for (const room of change.rooms) {
      session.join(room, { ...started, order: Math.max(started.order, heldSince.get(room) ?? 0) });
    }
    namespace.add(session);
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
        const order = Math.max(change.order, heldSince.get(change.room) ?? log.order);
        session.join(change.room, { origin, seq: change.seq, order });
        return;
      }
      case 'leave':
        session.leave(change.room, { origin, seq: change.seq, order: change.order }, log);
        return;
      case 'data':
        session.data = change.data;
        return;
      case 'binding':
        session.binding = change.binding;
        return;
      case 'settled':
        this.#settle(session, nsp);
        return;
      case 'gone':
        session.data = change.data;
        session.binding = change.binding;
        this.#settle(session, nsp);
        namespace.setGone(session);
        this.host.holdFor(session, nsp, session.rooms);
        return;
      case 'end':
        this.#settle(session, nsp);
        namespace.remove(session);
    }
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
    namespace.log.add({ ...place, rooms: [], except: [], only: sid, payload });
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
      refuse('unknown-session');
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
      if (namespace.current(session.sid, generation) !== session) {
        refuse('superseded');
        return;
      }
      this.#settle(session, namespace.nsp);
      const reason = this.#obstacle(namespace, session, from, isAnswered ? undefined : older);
      if (reason) {
        namespace.remove(session);
        refuse(reason);
      } else {
        answer(this.#handOver(namespace, session, worker, from));
      }
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
    if (from.order < namespace.linkOutageUntil && session.started.order < namespace.linkOutageUntil) {
      return 'link-outage';
    }
    return session.isCompleteAfter(from, namespace.log) ? undefined : 'trimmed';
  }

  /** The cut: what has come up to now is replayed, what comes later goes to the worker as it comes. */
  #handOver(namespace: NamespaceSessions, session: SessionRecord, worker: HubWorker, from: Position): RecoveryAnswer {
    const { nsp, log } = namespace;
    const place = namespace.placeOf(worker);
    if (!place) return { name: 'refused', reason: 'unknown-session' };
    const { rooms } = session;
    this.host.expectRooms(worker, nsp, rooms);
    this.host.releaseFor(session);
    session.worker = worker;
    session.expected = rooms;
    namespace.setBack(session);
    if (!session.origins.includes(place.origin)) session.origins.push(place.origin);
    session.replay = missedBy(session, from, [...log.after(from.order)]);
    return {
      name: 'taken',
      sid: session.sid,
      generation: session.generation,
      rooms,
      data: session.data,
      cut: log.order,
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

/** From where a client goes on; nothing where it names something impossible. */
function positionOf(session: SessionRecord, offset: string | null): Position | undefined {
  if (offset === null) return session.isRepeated ? undefined : session.started;
  const position = parseOffset(offset);
  if (!position || session.origins.includes(position.origin)) return position;
  // It has had no event since it got this session: the offset is of an earlier one.
  return session.isRepeated ? undefined : session.started;
}

/** Missed messages with their offsets, which go on from where the client stands. */
function* missedBy(
  session: SessionRecord,
  from: Position,
  candidates: LoggedMessage[],
): Generator<LoggedMessage & { offset: string }> {
  let { seq } = from;
  for (const message of candidates) {
    if (!isAfter(message, from) || !session.isRecipientOf(message)) continue;
    if (message.origin === from.origin) seq = message.seq;
    yield { ...message, offset: formatOffset({ origin: from.origin, seq, order: message.order }) };
  }
}

function nextBatch(session: SessionRecord): { missed: MissedMessage[]; more: boolean } {
  const missed: MissedMessage[] = [];
  let bytes = 0;
  while (session.replay && bytes < BATCH_BYTES) {
    const next = session.replay.next();
    if (next.done) session.replay = undefined;
    else {
      missed.push([next.value.offset, next.value.payload]);
      bytes += next.value.payload.byteLength;
    }
  }
  return { missed, more: session.replay !== undefined };
}
