import { NodeClusterAdapter } from '@socket.io/cluster-adapter';
import type { Namespace, Socket } from 'socket.io';
import type { BroadcastFlags, BroadcastOptions, ClusterMessage, Room, SocketId } from 'socket.io-adapter';
import { PartialAnswerError } from '../errors';
import type { FleetAdapterExtras, OrderOutcome, SocketTarget } from '../fleet';
import { parseOwner } from '../ids';
import type { Member } from '../member';
import { joinParts, splitParts } from '../payload';
import { toPlainData } from '../plain-data';
import {
  type Ask,
  type AskTarget,
  type Broadcast,
  type DeliveryFlags,
  MessageKind,
  type Part,
  type PlainPacket,
} from '../protocol';
import { NamespaceRecovery } from '../recovery/namespace-recovery';
import type { RecoveryOptions } from '../recovery/recovery-options';
import { takeServerOption } from '../recovery/server-option';
import { isRecoverable } from '../recovery/socket-internals';
import { LocalDelivery } from './local-delivery';
import { hasDefaultParser } from './parser';
import { RoomAnnouncer } from './room-announcer';
import { RoomSockets } from './room-sockets';

/** How long a question waits where the caller sets no timeout, as in Socket.IO's cluster adapter. */
const DEFAULT_TIMEOUT_MS = 5_000;

const EVENT_PACKET = 2;

/** What a remote socket tells of itself. */
interface SocketDetails {
  id: SocketId;
  handshake: unknown;
  rooms: Room[];
  data: unknown;
}

type ServerSideEmitAck = (error: Error | null, responses: unknown[]) => void;

/**
 * Socket.IO's cluster adapter on the fleet's two-tier bus. Local recipients are resolved and written in the tick of the
 * emit, in the order of the in-memory adapter; other workers are reached through the hub, and only where they have
 * somebody in the room.
 */
export class FleetAdapter extends NodeClusterAdapter implements FleetAdapterExtras {
  readonly #member: Member;
  readonly #announcer: RoomAnnouncer;
  readonly #lists: RoomSockets;
  readonly #delivery: LocalDelivery;
  readonly #preEncodes: boolean;
  /** Nothing where recovery is off. */
  readonly recovery: NamespaceRecovery | undefined;
  /** Ends the wait for answers that this server's own code still owes. */
  readonly #owedAnswers = new Set<() => void>();

  declare readonly nsp: Namespace;

  constructor(nsp: Namespace, member: Member, recovery?: RecoveryOptions) {
    const listenersBefore = new Set(process.listeners('message'));
    super(nsp, {});
    releaseBaseResources(this, listenersBefore);
    this.#member = member;
    this.#announcer = new RoomAnnouncer(nsp.name, member);
    this.#lists = new RoomSockets(this);
    this.#delivery = new LocalDelivery(this, this.#lists);
    this.#preEncodes = hasDefaultParser(nsp.server);
    this.recovery = this.#makeRecovery(recovery ?? takeServerOption(nsp.server));
    this.on('delete-room', (room: Room) => this.#announcer.roomEmptied(room));
    member.register(this);
    // An adapter that replaces another one finds rooms that exist already.
    this.announceAll();
  }

  /** The hub knows the members; there is no heartbeat to start. */
  override init(): void {}

  #makeRecovery(options: RecoveryOptions | undefined): NamespaceRecovery | undefined {
    if (!options) return undefined;
    if (this.#preEncodes && isRecoverable(this.nsp)) return new NamespaceRecovery(this, this.#member, options);
    const cause = this.#preEncodes ? 'this version of Socket.IO does not allow it' : 'it needs the default parser';
    this.#member.log.warn(`Flotilla: no connection state recovery in namespace ${this.nsp.name}: ${cause}`);
    return undefined;
  }

  override close(): void {
    this.recovery?.close();
    this.#announcer.clear();
    this.#member.unregister(this);
    for (const giveUp of this.#owedAnswers) giveUp();
  }

  /** The base's constructor publishes before this class is ready, and nothing of the base publishes afterwards. */
  override doPublish(_message: ClusterMessage): Promise<string> {
    return Promise.resolve('');
  }

  override doPublishResponse(): Promise<void> {
    return Promise.resolve();
  }

  override serverCount(): Promise<number> {
    return Promise.resolve(1 + this.#member.others);
  }

  /** Tells a hub that knows nothing yet which rooms this worker has. */
  announceAll(): void {
    this.recovery?.begin();
    this.#announcer.announceAll(this.rooms);
  }

  /** Returns a promise where the join is not yet known to the fleet: it settles when every broadcast reaches the socket. */
  override addAll(id: SocketId, rooms: Set<Room>): Promise<void> | void {
    const before = this.sids.get(id);
    if (!before) this.#lists.forgetEverybody();
    const added = before && this.recovery ? [...rooms].filter((room) => !before.has(room)) : rooms;
    super.addAll(id, rooms);
    const effective = this.#announcer.joined(id, rooms);
    if (this.recovery?.joined(id, added)) return this.#announcer.stored(id);
    return effective;
  }

  /** Returns a promise where the leave is not yet stored: it settles when no other pod would take the socket for a member. */
  override del(id: SocketId, room: Room): Promise<void> | void {
    const wasIn = this.sids.get(id)?.has(room);
    super.del(id, room);
    if (wasIn && this.recovery?.left(id, [room])) return this.#announcer.stored(id);
  }

  override delAll(id: SocketId): void {
    this.recovery?.left(id, this.sids.get(id) ?? []);
    super.delAll(id);
    this.#lists.forgetEverybody();
    this.#announcer.socketGone(id);
  }

  pendingJoins(socketId: string): Promise<void> | undefined {
    return this.#announcer.pendingJoins(socketId);
  }

  forgetState(socketId: string): void {
    this.recovery?.forget(socketId);
  }

  override broadcast(packet: PlainPacket & { nsp?: string }, opts: BroadcastOptions): Promise<void> {
    packet.nsp = this.nsp.name;
    const encoded = this.#delivery.encode(packet);
    this.#member.checkSize(encoded);
    let offset: string | undefined;
    if (!opts.flags?.local) {
      const message: Broadcast = {
        kind: MessageKind.Broadcast,
        from: this.#member.uid,
        nsp: this.nsp.name,
        rooms: [...opts.rooms],
        except: [...(opts.except ?? [])],
        flags: deliveryFlags(opts.flags),
      };
      if (needsId(message.rooms)) message.id = this.#member.nextMessageId();
      if (this.#preEncodes) message.payload = joinParts(encoded);
      else message.packet = { type: packet.type, data: toPlainData(packet.data) as unknown[] };
      if (!message.flags.volatile) offset = this.recovery?.place(message, encoded);
      this.#member.send(message);
      // Whatever a client has got, the hub gets too, even if this process dies now.
      if (offset !== undefined && this.#hasSomebodyIn(message.rooms)) this.#member.flush();
    }
    this.#delivery.deliver(encoded, opts, packet, offset);
    return Promise.resolve();
  }

  #hasSomebodyIn(rooms: Room[]): boolean {
    return rooms.length === 0 ? this.sids.size > 0 : rooms.some((room) => this.rooms.has(room));
  }

  /** Delivers a broadcast that came from another worker. */
  deliver(message: Broadcast): void {
    const opts = toBroadcastOptions(message, message.flags);
    if (message.payload) {
      const parts = splitParts(message.payload);
      const offset = message.order ? this.recovery?.offsetAt(message.order, message.reached) : undefined;
      if (parts) this.#delivery.deliver(parts, opts, undefined, offset);
      else this.#member.counters.dropped('malformed');
      return;
    }
    const packet = { ...(message.packet as PlainPacket), nsp: this.nsp.name };
    this.#delivery.deliver(this.#delivery.encode(packet), opts, packet);
  }

  override broadcastWithAck(
    packet: PlainPacket,
    opts: BroadcastOptions,
    clientCountCallback: (clientCount: number) => void,
    ack: (...args: unknown[]) => void,
  ): void {
    const local = opts.flags?.local === true;
    // The operator waits for as many counts as serverCount() says in this same tick. Workers that were not asked count as
    // none at once; the last count is the sum over all that were.
    const servers = local ? 1 : 1 + this.#member.others;
    let localCount = 0;
    this.#broadcastWithAckHere(
      packet,
      opts,
      (count) => {
        localCount = count;
      },
      ack,
    );
    if (local) {
      clientCountCallback(localCount);
      // The operator compares with serverCount(), which speaks of the whole fleet.
      for (let other = 0; other < this.#member.others; other++) clientCountCallback(0);
      return;
    }
    for (let other = 1; other < servers; other++) clientCountCallback(0);
    let counted = false;
    const countOnce = (remoteCount: number) => {
      if (counted) return;
      counted = true;
      clientCountCallback(localCount + remoteCount);
    };
    const question = {
      name: 'broadcastWithAck' as const,
      data: toPlainData(packet.data) as unknown[],
      flags: deliveryFlags(opts.flags),
    };
    void this.#member
      .ask(this.nsp.name, question, toAskTarget(opts), timeoutOf(opts.flags), (part) => {
        if ('count' in part) countOnce(part.count);
        else ack(part.ack);
      })
      .then(() => countOnce(0));
  }

  #broadcastWithAckHere(
    packet: PlainPacket,
    opts: BroadcastOptions,
    onCount: (count: number) => void,
    ack: (...args: unknown[]) => void,
  ): void {
    withLocalFlag(opts, (localOpts) => super.broadcastWithAck(packet, localOpts, onCount, ack));
  }

  override async addSockets(opts: BroadcastOptions, rooms: Room[]): Promise<void> {
    await this.#order(opts, { name: 'join', rooms }, (socket) => socket.join(rooms));
  }

  override async delSockets(opts: BroadcastOptions, rooms: Room[]): Promise<void> {
    await this.#order(opts, { name: 'leave', rooms }, (socket) => leaveRooms(socket, rooms));
  }

  override async disconnectSockets(opts: BroadcastOptions, close: boolean): Promise<void> {
    await this.#order(opts, { name: 'disconnect', close: close === true }, (socket) => {
      socket.disconnect(close);
    });
  }

  joinAnywhere(target: SocketTarget, rooms: string[]): Promise<OrderOutcome> {
    return this.#order(target, { name: 'join', rooms }, (socket) => socket.join(rooms));
  }

  leaveAnywhere(target: SocketTarget, rooms: string[]): Promise<OrderOutcome> {
    return this.#order(target, { name: 'leave', rooms }, (socket) => leaveRooms(socket, rooms));
  }

  leaveAllAnywhere(target: SocketTarget): Promise<OrderOutcome> {
    return this.#order(target, { name: 'leaveAll' }, leaveAllRooms);
  }

  override async fetchSockets(opts: BroadcastOptions): Promise<Socket[]> {
    const here = this.#matching(opts);
    if (opts.flags?.local) return here;
    const { answers, silent } = await this.#member.ask(
      this.nsp.name,
      { name: 'fetchSockets' },
      toAskTarget(opts),
      timeoutOf(opts.flags),
    );
    // Socket.IO wraps what is no local socket into a RemoteSocket.
    const sockets = [...here, ...(answers as unknown as Socket[])];
    if (silent.length > 0) throw new PartialAnswerError(sockets, silent);
    return sockets;
  }

  override async serverSideEmit(args: unknown[]): Promise<void> {
    const last = args[args.length - 1];
    const acknowledge = typeof last === 'function';
    const question = {
      name: 'serverSideEmit' as const,
      args: toPlainData(acknowledge ? args.slice(0, -1) : args) as unknown[],
      acknowledge,
    };
    const target = { rooms: [], except: [] };
    const { answers, silent } = await this.#member.ask(this.nsp.name, question, target, DEFAULT_TIMEOUT_MS);
    if (!acknowledge) return;
    const error = silent.length > 0 ? new PartialAnswerError(answers, silent) : null;
    (last as ServerSideEmitAck)(error, answers);
  }

  /** Answers a question that came from another worker. */
  async answer(ask: Ask, onPart: (part: Part['part']) => void): Promise<unknown[]> {
    const { question, target } = ask;
    switch (question.name) {
      case 'fetchSockets':
        return this.#matching(target).map(describeSocket);
      case 'join':
        return [await this.#orderHere(target, (socket) => socket.join(question.rooms))];
      case 'leave':
        return [await this.#orderHere(target, (socket) => leaveRooms(socket, question.rooms))];
      case 'leaveAll':
        return [await this.#orderHere(target, leaveAllRooms)];
      case 'disconnect':
        return [
          await this.#orderHere(target, (socket) => {
            socket.disconnect(question.close);
          }),
        ];
      case 'serverSideEmit':
        return this.#serverSideEmitHere(question.args, question.acknowledge);
      case 'broadcastWithAck':
        await this.#acknowledgedBroadcastHere(ask, question.data, question.flags, onPart);
        return [];
    }
  }

  #serverSideEmitHere(args: unknown[], acknowledge: boolean): Promise<unknown[]> | unknown[] {
    const emit = (all: unknown[]) => this.nsp._onServerSideEmit(all as [string, ...unknown[]]);
    if (!acknowledge) {
      emit(args);
      return [];
    }
    return new Promise((resolve) => {
      const settle = (answers: unknown[]) => {
        this.#owedAnswers.delete(giveUp);
        resolve(answers);
      };
      const giveUp = () => settle([]);
      this.#owedAnswers.add(giveUp);
      emit([...args, (response: unknown) => settle([toPlainData(response)])]);
    });
  }

  /** Settles when every client acknowledged, or the asker no longer waits. */
  #acknowledgedBroadcastHere(
    ask: Ask,
    data: unknown[],
    flags: DeliveryFlags,
    onPart: (part: Part['part']) => void,
  ): Promise<void> {
    return new Promise((resolve) => {
      let missing = Number.POSITIVE_INFINITY;
      let acknowledged = 0;
      const settleIfComplete = () => {
        if (acknowledged < missing) return;
        clearTimeout(timer);
        resolve();
      };
      const packet: PlainPacket & { id?: number } = { type: EVENT_PACKET, data };
      const timer = setTimeout(() => {
        // The operator forgets the acknowledgements of its own sockets at its timeout; here it is up to us.
        if (packet.id !== undefined)
          for (const socket of this.nsp.sockets.values()) socketAcks(socket).delete(packet.id);
        resolve();
      }, ask.deadlineMs);
      timer.unref();
      this.#broadcastWithAckHere(
        packet,
        toBroadcastOptions(ask.target, flags),
        (count) => {
          missing = count;
          onPart({ count });
        },
        (response) => {
          acknowledged += 1;
          onPart({ ack: toPlainData(response) });
          settleIfComplete();
        },
      );
      settleIfComplete();
    });
  }

  async #order(
    target: BroadcastOptions | SocketTarget,
    question: Exclude<Ask['question'], { name: 'serverSideEmit' | 'broadcastWithAck' | 'fetchSockets' }>,
    act: (socket: Socket) => Promise<void> | void,
  ): Promise<OrderOutcome> {
    const here = this.#orderHere(target, act);
    const flags = 'flags' in target ? target.flags : undefined;
    if (flags?.local) return { matched: await here, silent: [] };
    const elsewhere = this.#member.ask(this.nsp.name, question, toAskTarget(target), timeoutOf(flags));
    const [matchedHere, { answers, silent }] = await Promise.all([here, elsewhere]);
    const matched = (answers as number[]).reduce((sum, count) => sum + (Number(count) || 0), matchedHere);
    return { matched, silent };
  }

  /** Acts at once on every matching local socket; settles with their number when its joins are effective, and its leaves stored. */
  async #orderHere(
    target: BroadcastOptions | SocketTarget,
    act: (socket: Socket) => Promise<void> | void,
  ): Promise<number> {
    const sockets = this.#matching(target);
    const pending: Array<Promise<void>> = [];
    for (const socket of sockets) {
      const effective = act(socket);
      if (effective) pending.push(effective);
    }
    if (pending.length > 0) await Promise.all(pending);
    return sockets.length;
  }

  #matching(target: BroadcastOptions | SocketTarget): Socket[] {
    const ids = 'ids' in target ? target.ids : undefined;
    if (ids) return ids.map((id) => this.nsp.sockets.get(id)).filter((socket) => socket !== undefined);
    const sockets: Socket[] = [];
    this.#delivery.forEach({ rooms: new Set(target.rooms), except: new Set(target.except ?? []) }, (socket) =>
      sockets.push(socket),
    );
    return sockets;
  }
}

/**
 * Takes back what the base's constructor leaves behind and never frees: a listener on the process' messages, which would
 * keep the process alive, and a timer.
 */
function releaseBaseResources(adapter: object, listenersBefore: Set<NodeJS.MessageListener>): void {
  for (const listener of process.listeners('message')) {
    if (!listenersBefore.has(listener)) process.removeListener('message', listener);
  }
  const { cleanupTimer } = adapter as { cleanupTimer?: NodeJS.Timeout };
  clearInterval(cleanupTimer);
}

/** Runs something of the base's that would publish by itself unless told that it is local. */
function withLocalFlag(opts: BroadcastOptions, run: (opts: BroadcastOptions) => void): void {
  run({ ...opts, flags: { ...opts.flags, local: true } });
}

function deliveryFlags(flags: BroadcastFlags | undefined): DeliveryFlags {
  const result: DeliveryFlags = {};
  if (flags?.volatile) result.volatile = true;
  if (flags?.compress !== undefined) result.compress = flags.compress;
  return result;
}

/** Between pods, a message to several rooms travels on the channel of each, and one to an id-shaped room also to the id's pod. */
function needsId(rooms: string[]): boolean {
  return rooms.length > 1 || (rooms.length === 1 && parseOwner(rooms[0] as string) !== undefined);
}

function timeoutOf(flags: BroadcastFlags | undefined): number {
  return flags?.timeout ?? DEFAULT_TIMEOUT_MS;
}

function toAskTarget(target: BroadcastOptions | SocketTarget): AskTarget {
  const result: AskTarget = { rooms: [...target.rooms], except: [...(target.except ?? [])] };
  if ('ids' in target && target.ids) result.ids = target.ids;
  return result;
}

function toBroadcastOptions(recipients: { rooms: string[]; except: string[] }, flags: DeliveryFlags): BroadcastOptions {
  return { rooms: new Set(recipients.rooms), except: new Set(recipients.except), flags };
}

async function leaveRooms(socket: Socket, rooms: Room[]): Promise<void> {
  await Promise.all(rooms.map((room) => socket.leave(room)));
}

function leaveAllRooms(socket: Socket): Promise<void> {
  return leaveRooms(
    socket,
    [...socket.rooms].filter((room) => room !== socket.id),
  );
}

function socketAcks(socket: Socket): Map<number, unknown> {
  return (socket as unknown as { acks: Map<number, unknown> }).acks;
}

function describeSocket(socket: Socket): SocketDetails {
  const { sessionStore: _unserialisable, ...handshake } = socket.handshake as unknown as Record<string, unknown>;
  return { id: socket.id, handshake: toPlainData(handshake), rooms: [...socket.rooms], data: toPlainData(socket.data) };
}
