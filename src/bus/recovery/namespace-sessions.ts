import { randomBytes } from 'node:crypto';
import type { HubWorker } from '../hub/hub-worker';
import type { LogMark } from './log-mark';
import { MessageLog } from './message-log';
import type { RecoveryBegin } from './messages';
import type { Position } from './position';
import type { SessionRecord } from './session-record';
import type { RecoverySettings } from './settings';

/** Sessions whose client is away are kept up to this number; those that have been away longest go first. */
const MAX_GONE = 50_000;

/** A moment of this hub: its count, and how far it had read the link's log. */
export interface HubMoment {
  order: number;
  mark?: LogMark;
}

/** A worker's place in the order of a namespace. */
export interface WorkerPlace {
  origin: string;
  /** The latest of its messages that has come. */
  seq: number;
  /** It gets every later message to everybody. */
  memberSince: HubMoment;
  /** Its rooms: it gets every later message to them. */
  readonly heldSince: Map<string, HubMoment>;
  /** What its sessions begin with: where they were opened, and their origins. One object for all for which it is the same. */
  lastStarted?: Position;
  readonly origins: ReadonlyMap<string, undefined>;
}

/** What the hub keeps for the recovery of one namespace: its latest messages and its sessions. */
export class NamespaceSessions {
  readonly log: MessageLog;
  /** Names this hub itself in positions: nobody's messages are its own. */
  readonly origin = randomBytes(6).toString('base64url');
  readonly #byKey = new Map<string, SessionRecord>();
  readonly #bySid = new Map<string, SessionRecord>();
  /** Sessions whose client is away, the longest first. */
  readonly #gone = new Set<SessionRecord>();
  readonly #places = new Map<HubWorker, WorkerPlace>();
  /** Who comes back from before this number may lack messages of other pods. */
  linkOutageUntil = 0;

  constructor(
    readonly nsp: string,
    settings: RecoverySettings,
    private readonly onRemoved: (session: SessionRecord) => void,
    private readonly readMark: () => LogMark | undefined,
  ) {
    this.log = new MessageLog(settings);
  }

  get size(): number {
    return this.#bySid.size;
  }

  get gone(): number {
    return this.#gone.size;
  }

  /** Now. */
  get moment(): HubMoment {
    const mark = this.readMark();
    return { order: this.log.order, ...(mark !== undefined && { mark }) };
  }

  /** A worker begins, or begins anew. */
  begin(worker: HubWorker, { origin, settings }: RecoveryBegin): void {
    this.log.settings = settings;
    const origins = new Map([origin, this.origin].map((each) => [each, undefined]));
    this.#places.set(worker, { origin, seq: 0, memberSince: this.moment, heldSince: new Map(), origins });
  }

  /** Who has begun. */
  workers(): Iterable<HubWorker> {
    return this.#places.keys();
  }

  /** A worker has begun to serve. */
  serves(worker: HubWorker): void {
    const place = this.#places.get(worker);
    if (place) place.memberSince = this.moment;
  }

  /** A worker holds a room from now on, or no longer. */
  holds(worker: HubWorker, room: string, on: boolean): void {
    const held = this.#places.get(worker)?.heldSince;
    if (!on) held?.delete(room);
    else if (held && !held.has(room)) held.set(room, this.moment);
  }

  placeOf(worker: HubWorker | undefined): WorkerPlace | undefined {
    return worker && this.#places.get(worker);
  }

  /** A worker's next message has come. Returns where it stands. */
  placed(worker: HubWorker | undefined, seq: number | undefined): { origin: string; seq: number } {
    const place = this.placeOf(worker);
    if (!place || seq === undefined) return { origin: '', seq: 0 };
    place.seq = seq;
    return { origin: place.origin, seq };
  }

  add(session: SessionRecord): void {
    const before = this.#bySid.get(session.sid);
    if (before) this.remove(before);
    this.#bySid.set(session.sid, session);
    this.#byKey.set(session.key, session);
  }

  remove(session: SessionRecord): void {
    if (this.release(session)) this.onRemoved(session);
  }

  /** Another hub has the session from now on. Returns whether this one had it. */
  release(session: SessionRecord): boolean {
    if (this.#bySid.get(session.sid) !== session) return false;
    this.#bySid.delete(session.sid);
    this.#byKey.delete(session.key);
    this.#gone.delete(session);
    return true;
  }

  /** All of them, as they are now. */
  sessions(): SessionRecord[] {
    return [...this.#byKey.values()];
  }

  byKey(key: string): SessionRecord | undefined {
    return this.#byKey.get(key);
  }

  /** The session of a socket; nothing where that incarnation of the socket is no longer the one that counts. */
  current(sid: string, generation: number): SessionRecord | undefined {
    const session = this.#bySid.get(sid);
    return session?.generation === generation ? session : undefined;
  }

  /** Its client is away from now on. */
  setGone(session: SessionRecord): void {
    session.goneAt = performance.now();
    session.replay = undefined;
    this.#gone.add(session);
    if (this.#gone.size <= MAX_GONE) return;
    for (const longest of this.#gone) {
      this.remove(longest);
      return;
    }
  }

  setBack(session: SessionRecord): void {
    session.goneAt = undefined;
    this.#gone.delete(session);
  }

  /** A worker is gone, and its clients' connections with it. */
  workerLeft(worker: HubWorker): SessionRecord[] {
    this.#places.delete(worker);
    const left = [...this.#bySid.values()].filter(
      (session) => session.worker === worker && session.goneAt === undefined,
    );
    for (const session of left) this.setGone(session);
    return left;
  }

  isExpired(session: SessionRecord): boolean {
    if (session.goneAt === undefined) return false;
    return performance.now() - session.goneAt > this.log.settings.maxDisconnectionDurationMs;
  }

  /** Drops what nobody can ask for any more. */
  expire(): void {
    this.log.trim();
    for (const session of this.#gone) {
      if (!this.isExpired(session)) return;
      this.remove(session);
    }
  }

  /** Forgets the sessions that are bound to something. Returns how many there were. */
  forget(isMeant: (binding: string) => boolean): number {
    const meant = [...this.#gone].filter((session) => isMeant(session.binding));
    for (const session of meant) this.remove(session);
    return meant.length;
  }
}
