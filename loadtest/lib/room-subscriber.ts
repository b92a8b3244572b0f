import type { BackoffOptions } from './backoff.ts';
import { DeliveryAudit } from './delivery-audit.ts';
import { connectMeasured, requestMeasured } from './measured.ts';
import { declareZeros, metrics } from './metrics.ts';
import type { RoomMessage } from './room-message.ts';
import type { SailsSocket } from './sails-socket.ts';
import { textSetting } from './setting.ts';
import { newSocket, target } from './target.ts';
import { wait, within } from './wait.ts';

export const INSTANCE = textSetting('INSTANCE', 'one');

/** A message that comes twice comes the second time a moment later. */
const LINGER_MS = 300;

export interface RoomSubscriberOptions {
  run: string;
  /** Where the numbered messages come. */
  room: string;
  /** Come back when the connection is lost. Default: a lost connection ends this subscriber, unsettled. */
  reconnect?: Partial<BackoffOptions> | boolean;
  /** Joined first; at a `storm` message there the socket drops its connection, comes back and joins `room`. */
  stormRoom?: string;
}

/** One member of a room that keeps account of what it gets. */
export class RoomSubscriber {
  readonly socket: SailsSocket;
  readonly #options: RoomSubscriberOptions;
  readonly #audit = new DeliveryAudit();
  readonly #ended: Promise<RoomMessage | undefined>;
  #end: (last: RoomMessage | undefined) => void = () => {};
  #room: string;
  #dropped = false;

  constructor(options: RoomSubscriberOptions) {
    this.#options = options;
    this.#room = options.stormRoom ?? options.room;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.socket = newSocket({ reconnect: options.reconnect });
    this.socket.on(target.event, (message) => this.#receive(message as RoomMessage));
    this.socket.onDisconnect = (reason) => this.#disconnected(reason);
    this.socket.onReconnect = ({ gapMs }) => {
      const back = Date.now();
      metrics.reconnects.add(1);
      this.#join().then((joined) => {
        if (joined) metrics.reconnectGap.add(gapMs + Date.now() - back);
        else this.#end(undefined);
      });
    };
  }

  /** @returns whether it is in the room now */
  async start(): Promise<boolean> {
    declareZeros();
    return (await connectMeasured(this.socket)) && (await this.#join());
  }

  /** Waits for the end of the run, at most until a moment, settles the account, and closes the socket. */
  async settle(deadline: number): Promise<void> {
    const last = await within(deadline - Date.now(), this.#ended);
    if (last) await wait(LINGER_MS);
    this.socket.close();

    const total = last?.total ?? this.#audit.highest;
    const account = this.#audit.reconcile(total, last?.uncertain);
    metrics.deliveriesExpected.add(account.expected);
    metrics.deliveriesReceived.add(account.received);
    metrics.missing.add(account.missing);
    metrics.duplicate.add(account.duplicate);
    metrics.outOfOrder.add(account.outOfOrder);
    if (this.#options.reconnect) {
      for (let each = 0; each < account.expected; each += 1) metrics.delivered.add(each < account.received);
    }
    if (last) metrics.subscribersDone.add(1);
    else console.error(`${this.#options.room}: no end of the run came, ${account.received} messages until then`);
  }

  async #join(): Promise<boolean> {
    const parameters = { room: this.#room };
    return (await requestMeasured(this.socket, target.routes.join, { parameters })) !== undefined;
  }

  #receive(message: RoomMessage): void {
    if (message.run !== this.#options.run) return;
    if (message.kind === 'end') {
      this.#end(message);
    } else if (message.kind === 'storm') {
      if (this.#room === this.#options.room) return;
      this.#room = this.#options.room;
      this.#dropped = true;
      this.socket.drop();
    } else {
      if (message.instance === INSTANCE) metrics.broadcastLatency.add(Date.now() - message.sentAt);
      this.#audit.receive(message.sequence);
    }
  }

  #disconnected(reason: string): void {
    if (!this.#dropped) {
      metrics.disconnects.add(1, { reason });
      if (!this.#options.reconnect) {
        console.error(`disconnected: ${reason}`);
        this.#end(undefined);
      }
    }
    this.#dropped = false;
  }
}
