import { randomBytes } from 'node:crypto';
import type { Namespace } from 'socket.io';
import type { BusSnapshot } from '../metrics/bus-metrics';
import { FleetAdapter } from './adapter/fleet-adapter';
import type { Connector } from './connector';
import type { BusCounters } from './counters';
import { BusError } from './errors';
import type { BusLog, Fleet, FleetAdapterExtras, FleetAnswer, FleetTable, PodRow } from './fleet';
import type { Identity } from './identity';
import type { EncodedPacket } from './payload';
import {
  type Answer,
  type Ask,
  type AskTarget,
  type Call,
  type Message,
  MessageKind,
  type Part,
  type Question,
} from './protocol';
import type { RecoveryOptions } from './recovery/recovery-options';
import type { Port } from './transport/port';
import { PACKAGE_VERSION } from './version';

/** The hub answers at the deadline; the asker gives up this much later, in case the hub itself is gone. */
const HUB_GRACE_MS = 1_000;
const CALL_TIMEOUT_MS = 5_000;
const RECONNECT_MIN_MS = 20;
const RECONNECT_MAX_MS = 1_000;
/** A hub that can't be reached for this long at the start is an error. */
const WELCOME_TIMEOUT_MS = 10_000;
/** Messages kept while the hub is away; the oldest are dropped and counted. */
const MAX_WAITING_MESSAGES = 10_000;
const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const STATS_INTERVAL_MS = 250;

/** What a {@link Member} is made of. */
export interface MemberOptions {
  identity: Identity;
  role: 'worker' | 'emitter';
  log: BusLog;
  counters: BusCounters;
  connector: Connector;
  /** A larger message is refused where it is sent. Default 16 MiB. */
  maxMessageBytes?: number;
}

interface PendingAsk {
  resolve(answer: FleetAnswer<unknown>): void;
  onPart: ((part: Part['part']) => void) | undefined;
  timer: NodeJS.Timeout;
}

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** A process' membership in its fleet: its port to the hub, its adapters, its open questions and calls. */
export class Member implements Fleet {
  readonly identity: Identity;
  readonly counters: BusCounters;
  /** Unique in the fleet, and for each membership. */
  readonly uid = randomBytes(9).toString('base64url');
  readonly log: BusLog;
  /** How many other workers the fleet has, as the hub last said. */
  others = 0;

  readonly #maxMessageBytes: number;
  #role: 'worker' | 'emitter';
  #isLonelinessTold = false;
  readonly #connector: Connector;
  readonly #adapters = new Map<string, FleetAdapter>();
  readonly #asks = new Map<string, PendingAsk>();
  readonly #calls = new Map<number, PendingCall>();
  readonly #startedAt = Date.now();
  #port: Port | undefined;
  #waiting: Message[] = [];
  #nextId = 1;
  #announced = 0;
  #confirmed = 0;
  #confirmWaiters: Array<{ seq: number; resolve: () => void }> = [];
  #welcomed = false;
  /** The pod's name as its hub knows it. */
  #podName: string;
  #readyWaiters: Array<{ resolve: () => void; reject: (error: Error) => void }> = [];
  readonly #linkListeners: Array<(up: boolean) => void> = [];
  #statsTimer: NodeJS.Timeout | undefined;
  #reconnectTimer: NodeJS.Timeout | undefined;
  #attempts = 0;
  #closed = false;

  constructor(options: MemberOptions) {
    this.identity = options.identity;
    this.#podName = options.identity.podName;
    this.log = options.log;
    this.counters = options.counters;
    this.#maxMessageBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#role = options.role;
    this.#connector = options.connector;
    if (this.#connector.connectNow) this.#use(this.#connector.connectNow());
    else void this.#connect();
  }

  /** Questions that this process waits for an answer to. */
  get openQuestions(): number {
    return this.#asks.size;
  }

  ready(): Promise<void> {
    if (this.#welcomed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new BusError(
            'E_HUB_UNAVAILABLE',
            `the hub at ${this.identity.hubPath ?? '(in this process)'} did not answer within ${WELCOME_TIMEOUT_MS} ms; is the primary process still running?`,
          ),
        );
      }, WELCOME_TIMEOUT_MS);
      this.#readyWaiters.push({
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  serve(): void {
    if (this.#role === 'worker') return;
    this.#role = 'worker';
    if (this.#port) this.#sayHello(this.#port);
  }

  createAdapter(recovery?: RecoveryOptions): (namespace: Namespace) => FleetAdapter & FleetAdapterExtras {
    const member = this;
    // Socket.IO calls the factory with `new`, which an arrow function does not allow.
    return function fleetAdapter(namespace: Namespace) {
      return new FleetAdapter(namespace, member, recovery);
    };
  }

  /** Takes an adapter; from now on messages for its namespace go to it. */
  register(adapter: FleetAdapter): void {
    this.#adapters.set(adapter.nsp.name, adapter);
  }

  unregister(adapter: FleetAdapter): void {
    if (this.#adapters.get(adapter.nsp.name) === adapter) this.#adapters.delete(adapter.nsp.name);
  }

  /** Whether this id names this very worker. */
  owns(id: string): boolean {
    const { pod, worker } = this.identity;
    return id.length === 20 && id.startsWith(pod) && id.startsWith(worker, pod.length);
  }

  /** Announces that this worker has, or no longer has, somebody in a room. Returns the number that will be confirmed. */
  announce(nsp: string, room: string, on: boolean): number {
    this.#announced += 1;
    // Nothing is kept for later: a new hub is told everything at once.
    if (this.#port) this.#port.send({ kind: MessageKind.Interest, nsp, room, on, seq: this.#announced });
    return this.#announced;
  }

  /** Sends a message that is of no use to another hub than the present one. Returns whether there is one. */
  sendNow(message: Message): boolean {
    this.#port?.send(message);
    return this.#port !== undefined;
  }

  /** Hands everything that was sent to the system, so that it survives the death of this process. */
  flush(): void {
    this.#port?.flush?.();
  }

  isConfirmed(seq: number): boolean {
    return seq <= this.#confirmed;
  }

  whenConfirmed(seq: number): Promise<void> {
    if (this.isConfirmed(seq) || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#confirmWaiters.push({ seq, resolve }));
  }

  /**
   * Refuses a message that is too large for the fleet, before anybody gets it.
   * @throws BusError `E_MESSAGE_TOO_LARGE`
   */
  checkSize(encoded: EncodedPacket): void {
    let bytes = 0;
    for (const part of encoded) bytes += part.length;
    if (bytes <= this.#maxMessageBytes) return;
    throw new BusError(
      'E_MESSAGE_TOO_LARGE',
      `a message of ${bytes} bytes is larger than maxMessageBytes (${this.#maxMessageBytes}): send a reference to it, or raise sails.config.flotilla.maxMessageBytes`,
    );
  }

  /** An id for a message that a pod may get on several ways. */
  nextMessageId(): string {
    return `${this.uid}:${this.#nextId++}`;
  }

  /** Sends a broadcast, an answer or another message that needs no answer itself. */
  send(message: Message): void {
    if (this.#closed) return;
    if (this.#role === 'emitter' && message.kind === MessageKind.Broadcast) this.#tellLoneliness();
    if (this.#port) {
      this.#port.send(message);
      return;
    }
    this.#waiting.push(message);
    if (this.#waiting.length > MAX_WAITING_MESSAGES) {
      this.#waiting.shift();
      this.counters.dropped('hub-away');
    }
  }

  /** Asks the other workers of the fleet. Never rejects: who did not answer is named in `silent`. */
  ask(
    nsp: string,
    question: Question,
    target: AskTarget,
    deadlineMs: number,
    onPart?: (part: Part['part']) => void,
  ): Promise<FleetAnswer<unknown>> {
    if (this.#closed) return Promise.resolve({ answers: [], silent: [] });
    const id = `${this.uid}:${this.#nextId++}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asks.delete(id);
        resolve({ answers: [], silent: [`${this.#podName}/hub`] });
      }, deadlineMs + HUB_GRACE_MS);
      this.#asks.set(id, { resolve, onPart, timer });
      this.send({ kind: MessageKind.Ask, id, from: this.uid, nsp, question, target, deadlineMs });
    });
  }

  call(service: string, method: string, args: unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(new BusError('E_HUB_UNAVAILABLE', 'this process has left the fleet'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(
          new BusError('E_HUB_TIMEOUT', `the hub did not answer ${service}.${method} within ${CALL_TIMEOUT_MS} ms`),
        );
      }, CALL_TIMEOUT_MS);
      this.#calls.set(id, { resolve, reject, timer });
      const call: Call = { kind: MessageKind.Call, id, service, method, args };
      this.send(call);
    });
  }

  async table(): Promise<FleetTable> {
    const pods = (await this.call('fleet', 'table', [])) as PodRow[];
    const { pod, workerNumber, worker } = this.identity;
    return { self: { pod: this.#podName, podTag: pod, worker: workerNumber, workerTag: worker }, pods };
  }

  onLinkChange(listener: (up: boolean) => void): void {
    this.#linkListeners.push(listener);
  }

  countSocketsWith(count: () => number): void {
    clearInterval(this.#statsTimer);
    let reported = -1;
    const report = () => {
      const sockets = count();
      if (sockets === reported || !this.#port) return;
      reported = sockets;
      this.#port.send({ kind: MessageKind.Stats, sockets });
    };
    this.#statsTimer = setInterval(report, STATS_INTERVAL_MS);
    this.#statsTimer.unref();
  }

  snapshot(): BusSnapshot {
    return { ...this.counters.snapshot(), ...this.#connector.hubSnapshot?.() };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const port = this.#port;
    this.#closed = true;
    this.#port = undefined;
    clearInterval(this.#statsTimer);
    clearTimeout(this.#reconnectTimer);
    for (const ask of this.#asks.values()) {
      clearTimeout(ask.timer);
      ask.resolve({ answers: [], silent: [] });
    }
    this.#asks.clear();
    for (const call of this.#calls.values()) {
      clearTimeout(call.timer);
      call.reject(new BusError('E_HUB_UNAVAILABLE', 'this process has left the fleet'));
    }
    this.#calls.clear();
    for (const waiter of this.#confirmWaiters) waiter.resolve();
    this.#confirmWaiters = [];
    for (const waiter of this.#readyWaiters) {
      waiter.reject(new BusError('E_HUB_UNAVAILABLE', 'this process left the fleet before the hub answered'));
    }
    this.#readyWaiters = [];
    port?.close();
    await this.#connector.close();
  }

  #tellLoneliness(): void {
    if (!this.#connector.isAlone || this.#isLonelinessTold) return;
    this.#isLonelinessTold = true;
    this.log.warn(
      'Flotilla: this process serves no clients and knows neither a hub nor Redis, so what it sends reaches nobody: set FLOTILLA_REDIS_URL, or FLOTILLA_HUB as in the workers',
    );
  }

  async #connect(): Promise<void> {
    try {
      const port = await this.#connector.connect();
      if (this.#closed) port.close();
      else this.#use(port);
    } catch (error) {
      if (this.#closed) return;
      const delayMs = Math.min(RECONNECT_MIN_MS * 2 ** this.#attempts, RECONNECT_MAX_MS);
      if (this.#attempts === 5)
        this.log.warn(`Flotilla: the hub can't be reached: ${(error as Error).message}; trying on`);
      this.#attempts += 1;
      this.#reconnectTimer = setTimeout(() => void this.#connect(), delayMs);
    }
  }

  #use(port: Port): void {
    this.#attempts = 0;
    port.listen({
      onMessage: (message) => this.#receive(message),
      onClose: () => {
        if (this.#port !== port) return;
        this.#port = undefined;
        this.others = 0;
        if (this.#closed) return;
        this.log.warn('Flotilla: the connection to the hub is lost; reconnecting');
        void this.#connect();
      },
    });
    this.#port = port;
    this.#sayHello(port);
    for (const adapter of this.#adapters.values()) adapter.announceAll();
    // Whoever still waits for an announcement that got lost on the way is released by the confirmation of this one.
    this.announce('', '', false);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) port.send(message);
  }

  #sayHello(port: Port): void {
    const { worker, workerNumber } = this.identity;
    port.send({
      kind: MessageKind.Hello,
      uid: this.uid,
      role: this.#role,
      pid: process.pid,
      number: workerNumber,
      tag: worker,
      startedAt: this.#startedAt,
      version: PACKAGE_VERSION,
    });
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case MessageKind.Welcome:
        this.#podName = message.podName;
        this.#welcomed = true;
        for (const waiter of this.#readyWaiters) waiter.resolve();
        this.#readyWaiters = [];
        return;
      case MessageKind.Members:
        this.others = message.others;
        return;
      case MessageKind.LinkChange:
        for (const listener of this.#linkListeners) listener(message.up);
        return;
      case MessageKind.Confirm:
        this.#confirm(message.seq);
        return;
      case MessageKind.Broadcast: {
        const adapter = this.#adapters.get(message.nsp);
        if (adapter) adapter.deliver(message);
        else this.counters.dropped('no-such-namespace');
        return;
      }
      case MessageKind.RecoveryReply:
        this.#adapters.get(message.nsp)?.recovery?.replied(message);
        return;
      case MessageKind.Evict:
        this.#adapters.get(message.nsp)?.recovery?.evict(message.sid);
        this.sendNow({ kind: MessageKind.Evicted, id: message.id });
        return;
      case MessageKind.Unstored:
        this.#adapters.get(message.nsp)?.recovery?.unstored(message);
        return;
      case MessageKind.LogReached:
        for (const adapter of this.#adapters.values()) adapter.recovery?.reached(message.mark);
        return;
      case MessageKind.Ask:
        void this.#answer(message);
        return;
      case MessageKind.Part:
        this.#asks.get(message.id)?.onPart?.(message.part);
        return;
      case MessageKind.Answer:
        this.#settleAsk(message);
        return;
      case MessageKind.Result: {
        const call = this.#calls.get(message.id);
        if (!call) {
          this.counters.dropped('late-answer');
          return;
        }
        this.#calls.delete(message.id);
        clearTimeout(call.timer);
        if (message.error) {
          const error = new Error(message.error.message);
          call.reject(Object.assign(error, { code: message.error.code }));
        } else call.resolve(message.value);
        return;
      }
      default:
        this.counters.dropped('malformed');
    }
  }

  #confirm(seq: number): void {
    if (seq > this.#confirmed) this.#confirmed = seq;
    if (this.#confirmWaiters.length === 0) return;
    const stillWaiting: Array<{ seq: number; resolve: () => void }> = [];
    for (const waiter of this.#confirmWaiters) {
      if (waiter.seq <= this.#confirmed) waiter.resolve();
      else stillWaiting.push(waiter);
    }
    this.#confirmWaiters = stillWaiting;
  }

  #settleAsk(answer: Answer): void {
    const pending = this.#asks.get(answer.id);
    if (!pending) {
      this.counters.dropped('late-answer');
      return;
    }
    this.#asks.delete(answer.id);
    clearTimeout(pending.timer);
    pending.resolve({ answers: answer.answers, silent: answer.silent });
  }

  async #answer(ask: Ask): Promise<void> {
    const { id } = ask;
    let answers: unknown[] = [];
    try {
      const adapter = this.#adapters.get(ask.nsp);
      if (adapter) {
        answers = await adapter.answer(ask, (part) => this.send({ kind: MessageKind.Part, id, from: this.uid, part }));
      }
    } catch (error) {
      this.counters.failed(error);
    }
    this.send({ kind: MessageKind.Answer, id, from: this.uid, answers, silent: [] });
  }
}
