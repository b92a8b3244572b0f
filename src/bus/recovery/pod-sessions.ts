import { randomBytes } from 'node:crypto';
import type { HubWorker } from '../hub/hub-worker';
import type { LinkLog } from '../link/link';
import { MessageKind } from '../protocol';
import { GivenUpHubs } from './given-up-hubs';
import type { LoggedMessage, MessageLog } from './message-log';
import type { RecoveryFailure, RecoveryQuestion } from './messages';
import type { NamespaceSessions } from './namespace-sessions';
import { OwnEvents } from './own-events';
import { isAfter, type Position, parseOffset } from './position';
import { missedInLog } from './replay';
import type { HandedSession, SessionAnswer, SessionAsk } from './session-messages';
import type { SessionRecord } from './session-record';
import { SessionStates } from './session-state';
import type {
  OpenSessionStore,
  SessionAddress,
  SessionStore,
  SessionWrite,
  StoredEvent,
  StoredSession,
} from './session-store';
import { SharedLog } from './shared-log';

/** A hub that does not hand a session over within this time counts as dead. */
const ASK_LIMIT_MS = 1_500;
/** So many hubs that have left are remembered. */
const LEFT_KEPT = 100;
/** So many sessions are written again at a time: what changes meanwhile waits for no more. */
const WRITTEN_AGAIN_AT_ONCE = 500;

/** What the hub's recovery does for its sessions, wherever they go. */
export interface SessionOwner {
  positionOf(session: SessionRecord, offset: string | null): Position | undefined;
  /** Ends what is left of the socket. Settles with its worker, where that does not answer. */
  evict(nsp: string, session: SessionRecord): Promise<HubWorker | undefined>;
  obstacle(
    namespace: NamespaceSessions,
    session: SessionRecord,
    from: Position,
    silent: HubWorker | undefined,
  ): RecoveryFailure | undefined;
  settle(session: SessionRecord, nsp: string): void;
  /** Another hub has the session from now on. */
  released(session: SessionRecord): void;
}

export interface PodSessionsOptions {
  ownHub: string;
  log: LinkLog;
  openStore: OpenSessionStore;
  namespaces: ReadonlyMap<string, NamespaceSessions>;
  owner: SessionOwner;
  /** Sends something to one pod. */
  send(podTag: string, message: SessionAsk | SessionAnswer): void;
}

/** Sessions on their way between the hubs of several pods. */
export class PodSessions {
  readonly log: SharedLog;
  readonly #states: SessionStates;
  readonly #asks = new Map<string, { hub: string; settle: (answer: SessionAnswer | undefined) => void }>();
  /** Hubs that have said that they leave: they have stored everything, and answer nothing any more. */
  readonly #left = new Set<string>();
  /** Sessions of other hubs whose state here is not stored yet. */
  readonly #arrived = new WeakSet<SessionRecord>();
  /** Sessions that are being handed over, with a generation that is none. */
  readonly #leaving = new Set<SessionRecord>();
  readonly givenUp = new GivenUpHubs();
  /** Sessions that came here, by how their hub was. */
  readonly arrivals = { alive: 0, gone: 0 };
  /** The latest that began here; nothing where none has. */
  epoch: number | undefined;
  #store: SessionStore | undefined;
  /** Reading the log has begun. */
  isReading = false;

  constructor(private readonly options: PodSessionsOptions) {
    this.log = new SharedLog(options.log, options.ownHub);
    this.#states = new SessionStates(options.ownHub);
  }

  /** Some namespace has recovery. */
  begin(): void {
    const { namespaces, openStore } = this.options;
    this.#store ??= openStore({
      keptForMs: () =>
        Math.max(...[...namespaces.values()].map(({ log }) => log.settings.maxDisconnectionDurationMs), 1),
      onSuperseded: (address, generation) => this.#superseded(address, generation),
      onUnstored: (epoch, addresses) => this.#tellUnstored(epoch, addresses),
      writeAgain: () => this.#writeAgain(),
    });
  }

  changed(namespace: NamespaceSessions, session: SessionRecord): void {
    const address = { nsp: namespace.nsp, key: session.key };
    const write = { ...this.#writeOf(namespace, session), state: () => this.#states.write(session) };
    if (!this.#arrived.delete(session)) {
      this.#store?.write(address, write);
      return;
    }
    const events = [...namespace.log.after(session.ownSince)].filter(({ only }) => only === session.sid).map(eventOf);
    this.#store?.write(address, { ...write, replacesEvents: true, events });
  }

  ownEvent(namespace: NamespaceSessions, session: SessionRecord, event: LoggedMessage): void {
    const address = { nsp: namespace.nsp, key: session.key };
    this.#store?.write(address, { ...this.#writeOf(namespace, session), events: [eventOf(event)] });
  }

  removed(nsp: string, { key, generation }: SessionRecord): void {
    this.#store?.remove({ nsp, key }, generation);
  }

  forget(prefix: string): void {
    this.#store?.forget(prefix);
  }

  stored(): Promise<void> | undefined {
    return this.#store?.written();
  }

  /** What a session is bound to that no worker of this pod has had. */
  async look(nsp: string, key: string): Promise<{ generation: number; binding: string } | RecoveryFailure> {
    try {
      const found = await this.#store?.find({ nsp, key });
      return found ? { generation: found.generation, binding: found.state.binding } : 'unknown-session';
    } catch {
      return 'link-outage';
    }
  }

  /** Gets a session from the hub that has it, or had it. From then on it is one of this hub's, its client away. */
  async fetch(
    namespace: NamespaceSessions,
    { key, generation, offset }: RecoveryQuestion & { name: 'take' },
  ): Promise<SessionRecord | RecoveryFailure> {
    const address = { nsp: namespace.nsp, key };
    try {
      const stored = await this.#store?.find(address);
      if (!stored) return 'unknown-session';
      if (stored.generation !== generation) return 'superseded';
      if (stored.hub === this.options.ownHub) return 'unknown-session';
      if (stored.isOwnerForgotten) return 'expired';
      const answer = stored.isOwnerAlive ? await this.#ask(stored, address, generation, offset) : undefined;
      if (answer?.reason) return answer.reason;
      if (answer?.session) return this.#accept(namespace, key, answer.session, offset);
      // What is stored may be older than what the client was told.
      if (stored.isOwnerIncomplete || (await this.#isNewer(offset, stored))) return 'link-outage';
      return await this.#claim(namespace, address, generation, offset);
    } catch {
      return 'link-outage';
    }
  }

  /** Makes this hub know all that stands in the log after a position, as far as it can be known. */
  async reachBack({ nsp, log }: NamespaceSessions, from: Position): Promise<RecoveryFailure | undefined> {
    if (from.mark === undefined) return 'link-outage';
    try {
      if (!(await this.log.reachBack(nsp, log, from.mark))) return 'trimmed';
      await this.log.caughtUp();
      return undefined;
    } catch {
      return 'link-outage';
    }
  }

  /** Gives a session to another hub. */
  async handOver(ask: SessionAsk, podTag: string): Promise<void> {
    if (ask.hub !== this.options.ownHub) return;
    const handed = await this.#handed(ask);
    const { id } = ask;
    const answer =
      typeof handed === 'string'
        ? { kind: MessageKind.SessionAnswer as const, id, reason: handed }
        : { kind: MessageKind.SessionAnswer as const, id, session: handed };
    this.options.send(podTag, answer);
  }

  answered(answer: SessionAnswer): void {
    this.#asks.get(answer.id)?.settle(answer);
  }

  /** A hub has said that it leaves. */
  left(hub: string): void {
    this.#left.add(hub);
    if (this.#left.size > LEFT_KEPT) this.#left.delete(this.#left.values().next().value as string);
    for (const ask of this.#asks.values()) if (ask.hub === hub) ask.settle(undefined);
  }

  async close(): Promise<void> {
    for (const { settle } of this.#asks.values()) settle(undefined);
    await this.#store?.close();
  }

  async #handed(ask: SessionAsk): Promise<HandedSession | RecoveryFailure> {
    const { namespaces, owner } = this.options;
    const namespace = namespaces.get(ask.nsp);
    const session = namespace?.byKey(ask.key);
    if (!namespace || !session) return 'unknown-session';
    if (namespace.isExpired(session)) {
      namespace.remove(session);
      return 'expired';
    }
    if (session.generation !== ask.generation) return 'superseded';
    const from = owner.positionOf(session, ask.offset);
    this.#leaving.add(session);
    try {
      return await this.#release(namespace, session, from, ask.generation);
    } finally {
      this.#leaving.delete(session);
    }
  }

  async #release(
    namespace: NamespaceSessions,
    session: SessionRecord,
    from: Position | undefined,
    handedGeneration: number,
  ): Promise<HandedSession | RecoveryFailure> {
    const { owner } = this.options;
    // From now on the older incarnation has no say.
    session.generation += 1;
    const { generation } = session;
    const silent = from && (await owner.evict(namespace.nsp, session));
    // What the client has got of this pod stands in the log before another pod goes on.
    const unread = from && (await (from.hub === undefined ? this.#catchUp() : this.reachBack(namespace, from)));
    if (namespace.current(session.sid, generation) !== session) return 'superseded';
    owner.settle(session, namespace.nsp);
    const obstacle = from ? (unread ?? owner.obstacle(namespace, session, from, silent)) : 'unknown-offset';
    if (!from || obstacle) {
      namespace.remove(session);
      return obstacle ?? 'unknown-offset';
    }
    session.generation = handedGeneration;
    const handed = this.#pack(namespace, session, from);
    namespace.release(session);
    owner.released(session);
    return handed;
  }

  /** The client's position is moved on as far as it has missed nothing: the less the other hub has to read back. */
  #pack(namespace: NamespaceSessions, session: SessionRecord, from: Position): HandedSession {
    const { log } = namespace;
    const isMissed = (message: LoggedMessage) => isAfter(message, from) && session.isRecipientOf(message);
    const missed =
      from.hub === undefined ? [...log.after(from.order)].filter(isMissed) : missedInLog(session, from, log);
    const own = missed.filter(({ only }) => only !== undefined).map(({ payload }) => payload);
    const first = missed.find(({ only }) => only === undefined);
    const position = first ? advanced(log, from, first) : { origin: namespace.origin, seq: 0, ...namespace.moment };
    return { state: this.#states.write(session), from: this.#states.writePosition(position), own };
  }

  #accept(namespace: NamespaceSessions, key: string, { state, from, own }: HandedSession, offset: string | null) {
    const session = this.#states.read(key, state, namespace.log);
    session.floor = { offset, position: this.#states.readPosition(from) };
    this.#arrive(namespace, session, own);
    this.arrivals.alive += 1;
    return session;
  }

  async #claim(
    namespace: NamespaceSessions,
    address: SessionAddress,
    generation: number,
    offset: string | null,
  ): Promise<SessionRecord | RecoveryFailure> {
    const claimed = await this.#store?.claim(address, generation);
    if (!claimed) return 'superseded';
    const { state, hub, events, isTrimmed } = claimed;
    const session = this.#states.read(address.key, state, namespace.log);
    session.generation = generation;
    const from = this.options.owner.positionOf(session, offset);
    if (!from) return 'unknown-offset';
    // A position of an earlier hub is from before all of them.
    const missed = events.filter(
      ([origin, seq, order]) => from.hub !== hub || isAfter({ origin, seq, order, hub, hubOrder: order }, from),
    );
    if (isTrimmed && missed.length === events.length) return 'trimmed';
    this.#arrive(
      namespace,
      session,
      missed.map(([, , , payload]) => payload),
    );
    this.arrivals.gone += 1;
    if (from.hub === hub) this.givenUp.add(hub, address.nsp, session, from);
    return session;
  }

  /** Whether a client has been told that the store lacks something of its session, and that may be so still. */
  async #isNewer(offset: string | null, { state }: StoredSession): Promise<boolean> {
    const position = offset === null ? undefined : parseOffset(offset);
    if (position?.epoch === undefined) return false;
    // Of its last return the state knows, and it has been told nothing since.
    if (state.floor?.[0] === offset) return false;
    const hub = state.origins.find(([origin]) => origin === position.origin)?.[1];
    if (hub === undefined) return true;
    // Asked before the session is taken: whose word is given up thereafter counts as stored to its hub.
    return ((await this.#store?.epochOf(hub)) ?? 0) < position.epoch;
  }

  #arrive(namespace: NamespaceSessions, session: SessionRecord, own: Uint8Array[]): void {
    const { log } = namespace;
    const { reached } = this.log;
    session.ownSince = log.order;
    session.hasOwn = own.length > 0;
    for (const payload of own) {
      log.add({ origin: '', seq: 0, rooms: [], except: [], only: session.sid, payload, reached });
    }
    namespace.add(session);
    namespace.setGone(session);
    this.#arrived.add(session);
  }

  #tellUnstored(epoch: number, addresses: SessionAddress[]): void {
    const isNew = epoch !== this.epoch;
    this.epoch = epoch;
    for (const namespace of this.options.namespaces.values()) {
      const { nsp } = namespace;
      const sidsByWorker = new Map([...namespace.workers()].map((worker) => [worker, new Set<string>()]));
      for (const address of addresses) {
        const session = address.nsp === nsp ? namespace.byKey(address.key) : undefined;
        if (session?.worker && session.goneAt === undefined) sidsByWorker.get(session.worker)?.add(session.sid);
      }
      for (const [worker, sids] of sidsByWorker) {
        if (isNew || sids.size > 0) worker.send({ kind: MessageKind.Unstored, nsp, epoch, sids: [...sids] });
      }
    }
  }

  *#writeAgain(): Generator<void> {
    for (const namespace of this.options.namespaces.values()) {
      const sessions = namespace.sessions();
      const events = new OwnEvents(namespace.log);
      for (let index = 0; index < sessions.length; index += WRITTEN_AGAIN_AT_ONCE) {
        events.readOn();
        for (const session of sessions.slice(index, index + WRITTEN_AGAIN_AT_ONCE)) {
          this.#writeWhole(namespace, session, events.take(session.sid));
        }
        yield;
      }
    }
  }

  /** Writes everything of a session, as if nothing of it were stored. */
  #writeWhole(namespace: NamespaceSessions, session: SessionRecord, own: LoggedMessage[]): void {
    const { log, nsp } = namespace;
    if (namespace.byKey(session.key) !== session || this.#leaving.has(session)) return;
    this.#arrived.delete(session);
    this.#store?.write(
      { nsp, key: session.key },
      {
        ...this.#writeOf(namespace, session),
        state: () => this.#states.write(session),
        isAgain: true,
        replacesEvents: true,
        isTrimmed: session.hasOwn && !session.hasAllOwn(log),
        events: own.filter(({ order }) => order > session.ownSince).map(eventOf),
      },
    );
  }

  async #catchUp(): Promise<RecoveryFailure | undefined> {
    try {
      await this.log.caughtUp();
      return undefined;
    } catch {
      return 'link-outage';
    }
  }

  #ask(
    { hub, podTag }: StoredSession,
    { nsp, key }: SessionAddress,
    generation: number,
    offset: string | null,
  ): Promise<SessionAnswer | undefined> {
    if (this.#left.has(hub)) return Promise.resolve(undefined);
    const id = randomBytes(9).toString('base64url');
    return new Promise((resolve) => {
      const settle = (answer: SessionAnswer | undefined) => {
        this.#asks.delete(id);
        clearTimeout(timer);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), ASK_LIMIT_MS);
      this.#asks.set(id, { hub, settle });
      this.options.send(podTag, { kind: MessageKind.SessionAsk, id, hub, nsp, key, generation, offset });
    });
  }

  #superseded({ nsp, key }: SessionAddress, generation: number): void {
    const { namespaces, owner } = this.options;
    const namespace = namespaces.get(nsp);
    const session = namespace?.byKey(key);
    if (!namespace || !session || session.generation > generation) return;
    void owner.evict(nsp, session);
    namespace.release(session);
    owner.released(session);
  }

  #writeOf(
    { log }: NamespaceSessions,
    { generation, isRepeated, goneAt }: SessionRecord,
  ): Pick<SessionWrite, 'generation' | 'isRepeated' | 'goneForMs'> {
    const { maxDisconnectionDurationMs } = log.settings;
    const leftMs =
      goneAt === undefined ? undefined : Math.max(1, goneAt + maxDisconnectionDurationMs - performance.now());
    return { generation, isRepeated, goneForMs: leftMs };
  }
}

/** Where a client stands that has missed nothing before a message. */
function advanced(log: MessageLog, from: Position, first: LoggedMessage): Position {
  if (from.hub !== undefined) return from;
  let { mark } = from;
  for (const { order, reached } of log.after(from.order)) {
    if (order >= first.order) break;
    if (reached !== undefined && (mark === undefined || reached > mark)) mark = reached;
  }
  return { ...from, order: Math.max(from.order, first.order - 1), ...(mark !== undefined && { mark }) };
}

function eventOf({ origin, seq, order, payload }: LoggedMessage): StoredEvent {
  return [origin, seq, order, payload];
}
