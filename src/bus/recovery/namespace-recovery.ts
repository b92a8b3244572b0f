import { randomBytes } from 'node:crypto';
import type { Namespace, Socket } from 'socket.io';
import type { Room, SocketId } from 'socket.io-adapter';
import { FIRST_PROTOCOL_WITH_OFFSETS, PreparedPacket } from '../adapter/fast-lane/prepared-packet';
import { type EncodedPacket, joinParts, splitParts } from '../payload';
import { type Broadcast, MessageKind, originOf } from '../protocol';
import { HeldClient } from './held-client';
import { HubQuestions } from './hub-questions';
import type { LogMark } from './log-mark';
import type {
  MissedMessage,
  RecoveryAnswer,
  RecoveryFailure,
  RecoveryReply,
  SessionChange,
  TakenSession,
  Unstored,
} from './messages';
import { OwnMessages } from './own-messages';
import { formatOffset } from './position';
import { digestOf, drawPrivateId } from './private-id';
import type { RecoveryMember } from './recovery-member';
import type { RecoveryOptions } from './recovery-options';
import {
  type EngineConnection,
  type NamespaceInternals,
  type PacketFlags,
  ResumedSocket,
  type SocketClient,
  type SocketPacket,
} from './socket-internals';
import { overridesFor, socketMethods } from './socket-overrides';
import { TrackedSocket } from './tracked-socket';

const EVENT_PACKET = 2;
/** An event with nothing but an offset. Only what clients remember of offsets heeds it. */
const OFFSET_EVENT = 'flotilla:offset';
/** Every socket's data is looked at once in so many ticks of the timer. */
const SWEEP_TICKS = 10;
const SWEEP_EVERY_MS = 100;

/** After these a client may come back for its state, as in Socket.IO; after others it was sent away, or has left. */
const RECOVERABLE_REASONS = new Set([
  'transport error',
  'transport close',
  'forced close',
  'ping timeout',
  'server shutting down',
  'forced server close',
]);

/** The part of an adapter that recovery needs. */
interface AdapterState {
  readonly nsp: Namespace;
  readonly sids: Map<SocketId, Set<Room>>;
  addAll(id: SocketId, rooms: Set<Room>): unknown;
}

/**
 * A worker's part of connection state recovery in one namespace: it counts what it sends, tells the hub of every change in
 * its sockets' state, and gives clients that come back their sockets again.
 */
export class NamespaceRecovery {
  readonly #questions: HubQuestions;
  readonly #tracked = new Map<SocketId, TrackedSocket>();
  readonly #ownMessages = new OwnMessages();
  readonly #encoder: { encode(packet: object): EncodedPacket };
  readonly #override: (tracked: TrackedSocket) => void;
  readonly #sweepTimer: NodeJS.Timeout;
  #origin: string;
  #hasBegun = false;
  #seq = 0;
  #order = 0;
  #mark: LogMark | undefined;
  #epoch: number | undefined;
  #changes: SessionChange[] = [];
  #sweep: Iterator<TrackedSocket> | undefined;

  constructor(
    private readonly adapter: AdapterState,
    private readonly member: RecoveryMember,
    private readonly options: RecoveryOptions,
  ) {
    this.#origin = originOf(member.uid);
    this.#questions = new HubQuestions(adapter.nsp.name, member, (answer) => this.#giveBack(answer));
    this.#encoder = (adapter.nsp.server as unknown as { encoder: { encode(packet: object): EncodedPacket } }).encoder;
    this.#override = overridesFor({
      send: (tracked, packet, flags) => this.#send(tracked, packet, flags),
      ends: (tracked) => this.#end(tracked),
      ended: ({ socket }) => (adapter.nsp as unknown as NamespaceInternals)._preConnectSockets.delete(socket.id),
    });
    this.#wrapCreation();
    this.#sweepTimer = setInterval(() => this.#sweepSome(), SWEEP_EVERY_MS);
    this.#sweepTimer.unref();
  }

  /** A hub is there that knows nothing yet. */
  begin(): void {
    this.#questions.giveUp();
    this.#changes = [];
    // What was sent over an earlier connection to a hub may not have come, so its positions mean nothing to this one.
    const isRepeated = this.#hasBegun;
    if (isRepeated) this.#origin = drawOrigin();
    this.#order = 0;
    this.#mark = undefined;
    this.#epoch = undefined;
    const nsp = this.adapter.nsp.name;
    const { settings } = this.options;
    this.#hasBegun = this.member.sendNow({ kind: MessageKind.RecoveryBegin, nsp, origin: this.#origin, settings });
    if (!this.#hasBegun) return;
    for (const tracked of this.#tracked.values()) this.#tellOpen(tracked, true);
  }

  /** Gives a broadcast of this worker its place. Returns the offset that its recipients here get. */
  place(message: Broadcast, encoded: EncodedPacket): string {
    this.flushChanges();
    this.#seq += 1;
    message.seq = this.#seq;
    if (this.#origin !== originOf(message.from)) message.origin = this.#origin;
    const offset = this.#offset();
    const { rooms, except } = message;
    if (this.#ownMessages.isWanted) this.#ownMessages.add({ seq: this.#seq, rooms, except, encoded, offset });
    return offset;
  }

  /** The offset that recipients get with a broadcast that came through the hub. */
  offsetAt(order: number, reached: LogMark | undefined): string {
    this.#order = order;
    this.reached(reached);
    return this.#offset();
  }

  /** What stands in the link's log up to here has come, as far as it is for this worker. */
  reached(mark: LogMark | undefined): void {
    if (mark !== undefined) this.#mark = mark;
  }

  /** Clients learn with an offset that what is stored of their sockets is no longer to be relied upon. */
  unstored({ epoch, sids }: Unstored): void {
    this.#epoch = epoch;
    if (sids.length === 0) return;
    const encoded = this.#encoder.encode({ type: EVENT_PACKET, nsp: this.adapter.nsp.name, data: [OFFSET_EVENT] });
    const offset = this.#offset();
    for (const sid of sids) {
      const tracked = this.#tracked.get(sid);
      if (tracked) write(tracked.internals.client, encoded, offset);
    }
  }

  /** Returns whether the hub stores it for other pods, and confirms that: it has been told by then. */
  joined(id: SocketId, rooms: Iterable<Room>): boolean {
    return this.#moved('join', id, rooms);
  }

  /** Returns whether other pods may get the socket: the leave counts when it is stored. */
  left(id: SocketId, rooms: Iterable<Room>): boolean {
    return this.#moved('leave', id, rooms);
  }

  replied(reply: RecoveryReply): void {
    this.#questions.replied(reply);
  }

  /** The client of a socket does not get its state back when it comes again. */
  forget(sid: SocketId): void {
    const tracked = this.#tracked.get(sid);
    if (tracked) tracked.isForgotten = true;
  }

  /** The socket goes on elsewhere. */
  evict(sid: SocketId): void {
    const tracked = this.#tracked.get(sid);
    if (!tracked) return;
    const { socket, internals } = tracked;
    const conn = socket.conn as unknown as EngineConnection;
    // The connection may take its time to close.
    if (internals.connected) internals._onclose('forced close');
    else internals._cleanup();
    conn.close(true);
    this.flushChanges();
  }

  /** Sends what has changed so far; what is sent later comes after it. */
  flushChanges(): void {
    if (this.#changes.length === 0) return;
    const changes = this.#changes;
    this.#changes = [];
    this.member.sendNow({ kind: MessageKind.SessionChanges, nsp: this.adapter.nsp.name, changes });
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    this.flushChanges();
    this.#questions.giveUp();
  }

  #offset(): string {
    return formatOffset({
      origin: this.#origin,
      seq: this.#seq,
      order: this.#order,
      mark: this.#mark,
      epoch: this.#epoch,
    });
  }

  #marked(): { mark?: LogMark } {
    return this.#mark === undefined ? {} : { mark: this.#mark };
  }

  #current(id: SocketId): TrackedSocket | undefined {
    const tracked = this.#tracked.get(id);
    return tracked?.isOpen && !tracked.isGone ? tracked : undefined;
  }

  #change(change: SessionChange): void {
    this.#changes.push(change);
    if (this.#changes.length === 1) process.nextTick(() => this.flushChanges());
  }

  #moved(op: 'join' | 'leave', sid: SocketId, rooms: Iterable<Room>): boolean {
    const tracked = this.#current(sid);
    if (!tracked) return false;
    const { generation } = tracked;
    for (const room of rooms) {
      this.#change({ op, sid, generation, room, seq: this.#seq, order: this.#order, ...this.#marked() });
    }
    if (this.#mark === undefined) return false;
    this.flushChanges();
    return true;
  }

  #tellOpen(tracked: TrackedSocket, isRepeated: boolean): void {
    const { socket, internals, generation } = tracked;
    this.#change({
      op: 'open',
      sid: socket.id,
      key: digestOf(internals.pid ?? ''),
      generation,
      seq: this.#seq,
      order: this.#order,
      ...this.#marked(),
      rooms: [...(this.adapter.sids.get(socket.id) ?? [])],
      data: tracked.readChangedData()?.data ?? tracked.plainData(),
      binding: tracked.readBinding(),
      isRepeated,
    });
  }

  #sweepSome(): void {
    const count = Math.ceil(this.#tracked.size / SWEEP_TICKS);
    // An iterator that nobody asks keeps the sockets that its map had when it shrank, although they have gone.
    if (count === 0) this.#sweep = undefined;
    for (let index = 0; index < count; index++) {
      this.#sweep ??= this.#tracked.values();
      const next = this.#sweep.next();
      if (next.done) {
        this.#sweep = undefined;
        return;
      }
      this.#tellChanges(next.value);
    }
  }

  /** Tells what changes without anybody saying so. */
  #tellChanges(tracked: TrackedSocket): void {
    const { socket, generation } = tracked;
    const changed = tracked.readChangedData();
    if (changed) this.#change({ op: 'data', sid: socket.id, generation, data: changed.data });
    if (tracked.isBindingChanged) {
      this.#change({ op: 'binding', sid: socket.id, generation, binding: tracked.readBinding() });
    }
  }

  #wrapCreation(): void {
    const namespace = this.adapter.nsp as unknown as NamespaceInternals;
    const create = namespace._createSocket;
    namespace._createSocket = async (client, auth) => {
      if (client.conn.protocol < FIRST_PROTOCOL_WITH_OFFSETS) return create.call(namespace, client, auth);
      const { pid, offset, ...rest } = auth;
      if (typeof pid !== 'string') return this.#track(await create.call(namespace, client, rest), undefined);
      const outcome = await this.#resume(client, rest, pid, typeof offset === 'string' ? offset : null);
      if (typeof outcome !== 'string') return outcome;
      this.member.counters.recoveryFailed(outcome);
      return this.#track(await create.call(namespace, client, rest), outcome);
    };
  }

  /** Takes a fresh socket. */
  #track(socket: Socket, failure: RecoveryFailure | undefined): Socket {
    const tracked = new TrackedSocket(socket, this.options.guard);
    tracked.internals.pid = drawPrivateId();
    this.#override(tracked);
    tracked.whenConnected = () => {
      tracked.isOpen = true;
      this.#tracked.set(socket.id, tracked);
      this.#tellOpen(tracked, false);
      if (failure) this.options.guard?.failed(socket, failure);
    };
    return socket;
  }

  #send(tracked: TrackedSocket, packet: SocketPacket, flags: PacketFlags = {}): void {
    const { internals } = tracked;
    const isRecoverable = packet.type === EVENT_PACKET && packet.id === undefined && !flags.volatile;
    if (!isRecoverable || !tracked.isOpen) {
      socketMethods.packet.call(internals, packet, flags);
      return;
    }
    const nsp = this.adapter.nsp.name;
    const encoded = this.#encoder.encode({ ...packet, nsp });
    const { generation } = tracked;
    this.flushChanges();
    this.#seq += 1;
    this.member.sendNow({
      kind: MessageKind.OwnEvent,
      nsp,
      sid: internals.id,
      generation,
      seq: this.#seq,
      payload: joinParts(encoded),
    });
    write(internals.client, encoded, this.#offset(), flags.compress !== false);
  }

  #end(tracked: TrackedSocket): void {
    const { socket, generation, isOpen, isGone, endReason: reason } = tracked;
    if (!isOpen || isGone) return;
    tracked.isGone = true;
    tracked.held?.release();
    tracked.held = undefined;
    this.#tracked.delete(socket.id);
    // Before it was connected, it ends by its connection's end or by a middleware's word.
    const wasOpen = (socket.conn as unknown as EngineConnection).readyState === 'open';
    const mayReturn = reason === undefined ? !wasOpen : RECOVERABLE_REASONS.has(reason);
    if (!mayReturn || tracked.isForgotten) {
      tracked.isOpen = false;
      this.#change({ op: 'end', sid: socket.id, generation });
      return;
    }
    const binding = tracked.readBinding();
    this.#change({ op: 'gone', sid: socket.id, generation, data: tracked.plainData(), binding });
  }

  async #resume(
    client: SocketClient,
    auth: Record<string, unknown>,
    pid: string,
    offset: string | null,
  ): Promise<Socket | RecoveryFailure> {
    const { guard } = this.options;
    const key = digestOf(pid);
    const looked = await new Promise<RecoveryAnswer>((resolve) => this.#questions.ask({ name: 'look', key }, resolve));
    if (looked.name !== 'looked') return failureOf(looked);
    const { generation, binding } = looked;
    if (guard && !(await isAdmitted(() => guard.admits(client.request, binding)))) return 'other-session';
    this.#ownMessages.begin();
    return new Promise((resolve) => {
      this.#questions.ask({ name: 'take', key, generation, offset }, (answer) => {
        try {
          if (answer.name === 'taken') {
            guard?.adopt(client.request, binding);
            resolve(this.#takeOver(client, auth, pid, answer));
          } else resolve(failureOf(answer));
        } finally {
          this.#ownMessages.end();
          // Where something above has thrown: the client must not wait for ever.
          resolve('hub-away');
        }
      });
    });
  }

  /** Runs before any later message of the hub is handled: from now on the socket is in its rooms, and what comes waits. */
  #takeOver(client: SocketClient, auth: Record<string, unknown>, pid: string, taken: TakenSession): Socket {
    const { nsp } = this.adapter;
    const { sid, generation, rooms, cut, knownSeq } = taken;
    const data = taken.data ?? {};
    const socket = new ResumedSocket(nsp, client, auth, { sid, pid, rooms: [], data, missedPackets: [] });
    const tracked = new TrackedSocket(socket, this.options.guard);
    const { internals } = tracked;
    tracked.generation = generation;
    tracked.isOpen = true;
    const held = new HeldClient(client, internals);
    tracked.held = held;
    this.#override(tracked);
    nsp.sockets.set(sid, socket);
    this.adapter.addAll(sid, new Set(rooms));
    this.#tracked.set(sid, tracked);
    this.#order = Math.max(this.#order, cut);
    this.reached(taken.reached);
    this.#change({ op: 'settled', sid, generation });
    for (const { encoded, offset } of this.#ownMessages.after(knownSeq, new Set(rooms))) {
      write(held, encoded, offset, undefined);
    }
    tracked.whenConnected = () => {
      this.member.counters.recovery.recovered += 1;
      this.#replay(tracked, client, taken.missed, taken.more);
    };
    return socket;
  }

  #replay(tracked: TrackedSocket, client: SocketClient, missed: MissedMessage[], more: boolean): void {
    for (const [offset, payload] of missed) {
      const encoded = splitParts(payload);
      if (encoded) write(client, encoded, offset, undefined);
    }
    if (!more) {
      tracked.held?.release();
      tracked.held = undefined;
      return;
    }
    whenWritten(client.conn, () => {
      if (tracked.isGone) return;
      const { generation, socket } = tracked;
      this.#questions.ask({ name: 'more', sid: socket.id, generation }, (answer) => {
        if (tracked.isGone) return;
        if (answer.name === 'more') this.#replay(tracked, client, answer.missed, answer.more);
        // It comes back, and goes on from where it is.
        else client.conn.close(true);
      });
    });
  }

  /** A session that came too late for its client. */
  #giveBack(answer: RecoveryAnswer): void {
    if (answer.name !== 'taken') return;
    const { sid, generation, data } = answer;
    this.#change({ op: 'gone', sid, generation, data, binding: '' });
  }
}

function drawOrigin(): string {
  return randomBytes(6).toString('base64url');
}

function failureOf(answer: RecoveryAnswer): RecoveryFailure {
  return answer.name === 'refused' ? answer.reason : 'hub-away';
}

async function isAdmitted(ask: () => Promise<boolean> | boolean): Promise<boolean> {
  try {
    return await ask();
  } catch {
    return false;
  }
}

function write(
  client: Pick<SocketClient, 'writeToEngine'>,
  encoded: EncodedPacket,
  offset: string,
  compress?: boolean,
): void {
  const form = new PreparedPacket(encoded, { compress }, offset).formFor(FIRST_PROTOCOL_WITH_OFFSETS);
  client.writeToEngine(form.encoded, form.options);
}

/** Calls back when everything that was written has left, or the connection has closed. */
function whenWritten(conn: EngineConnection, proceed: () => void): void {
  const { transport } = conn;
  if (conn.writeBuffer.length === 0 && transport.writable) {
    setImmediate(proceed);
    return;
  }
  const stopWaiting = () => {
    transport.removeListener('ready', look);
    conn.removeListener('upgrade', look);
    conn.removeListener('close', end);
  };
  const look = () => {
    stopWaiting();
    whenWritten(conn, proceed);
  };
  const end = () => {
    stopWaiting();
    proceed();
  };
  // Engine.IO, which listens first, has sent what was queued by then. Its own `drain` comes before anything has left.
  transport.once('ready', look);
  conn.once('upgrade', look);
  conn.once('close', end);
}
