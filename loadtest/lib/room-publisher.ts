import exec from 'k6/execution';
import { connectMeasured, requestMeasured } from './measured.ts';
import { metrics } from './metrics.ts';
import type { RoomMessage } from './room-message.ts';
import { INSTANCE } from './room-subscriber.ts';
import type { SailsSocket } from './sails-socket.ts';
import { newSocket, target } from './target.ts';
import { wait } from './wait.ts';

const ASK_EVERY_MS = 250;
const END_ATTEMPTS = 3;

export interface RoomPublisherOptions {
  run: string;
  /** Messages a second. */
  rate: number;
  /** Bytes that padding adds to a message. */
  size: number;
  /** Go on after a lost connection or a failed send, and tell members which numbers are uncertain. Default false. */
  tolerant?: boolean;
}

/** Sends numbered messages to a room once all its members are there, then their total. It gets its own copies too. */
export class RoomPublisher {
  readonly #options: RoomPublisherOptions;
  readonly #socket: SailsSocket;
  readonly #padding: string;
  readonly #uncertain: number[] = [];
  #sequence = 0;

  constructor(options: RoomPublisherOptions) {
    this.#options = options;
    this.#padding = 'x'.repeat(options.size);
    this.#socket = newSocket({ reconnect: options.tolerant });
    this.#socket.on(target.event, (data) => {
      const message = data as RoomMessage;
      if (message.run === options.run && message.kind === 'message')
        metrics.broadcastRoundTrip.add(Date.now() - message.sentAt);
    });
    this.#socket.onDisconnect = (reason) => metrics.disconnects.add(1, { reason });
  }

  /** Fails the run when the app refuses. */
  async start(): Promise<boolean> {
    if (await connectMeasured(this.#socket)) return true;
    exec.test.fail('the publisher could not connect');
    return false;
  }

  /** Becomes a member itself, to measure the round trip by one clock. */
  async join(room: string): Promise<boolean> {
    if (await requestMeasured(this.#socket, target.routes.join, { parameters: { room } })) return true;
    exec.test.fail(`the publisher could not join ${room}`);
    return false;
  }

  /** Asks until the room has its members; fails the run when it has not by the deadline. */
  async waitForMembers(room: string, wanted: number, deadline: number): Promise<boolean> {
    let members: unknown;
    do {
      const response = await requestMeasured(this.#socket, target.routes.members, { parameters: { room } });
      members = (response?.body as { members?: number } | undefined)?.members;
      if (members === wanted) return true;
      await wait(ASK_EVERY_MS);
    } while (Date.now() < deadline);
    exec.test.fail(`room ${room} has ${String(members)} members, not ${wanted}`);
    return false;
  }

  /** Sends at the rate for a time; settles when every acknowledgement is in or overdue. */
  async publish(room: string, durationMs: number): Promise<void> {
    const { rate } = this.#options;
    const total = Math.max(1, Math.round((rate * durationMs) / 1000));
    const begun = Date.now();
    const sends: Promise<void>[] = [];
    for (let due = 0; due < total; due += 1) {
      const untilDue = begun + (due * 1000) / rate - Date.now();
      if (untilDue > 0) await wait(untilDue);
      while (this.#options.tolerant && !this.#socket.connected) {
        if (Date.now() > begun + durationMs) break;
        await wait(20);
      }
      sends.push(this.#sendNumbered(room));
    }
    await Promise.all(sends);
  }

  /** Tells all members the total, and leaves. Fails the run when somebody missed an acknowledgement that counts. */
  async end(room: string): Promise<void> {
    let told = false;
    for (let attempt = 0; attempt < END_ATTEMPTS && !told; attempt += 1) {
      told = await this.#send(room, { kind: 'end', sequence: 0, total: this.#sequence, uncertain: this.#uncertain });
      if (!told) await wait(1000);
    }
    this.#socket.close();
    if (!told) exec.test.fail(`the end of ${room} could not be sent`);
    else if (this.#uncertain.length === 0 || this.#options.tolerant) metrics.publishersDone.add(1);
    else exec.test.fail(`${this.#uncertain.length} of ${this.#sequence} messages to ${room} were not acknowledged`);
  }

  /** Goes without a word. */
  leave(): void {
    this.#socket.close();
  }

  /** Has all members of a room drop their connection. */
  storm(room: string): Promise<boolean> {
    return this.#send(room, { kind: 'storm', sequence: 0 });
  }

  async #sendNumbered(room: string): Promise<void> {
    this.#sequence += 1;
    const sequence = this.#sequence;
    metrics.messagesSent.add(1);
    if (!(await this.#send(room, { kind: 'message', sequence, padding: this.#padding })))
      this.#uncertain.push(sequence);
  }

  async #send(
    room: string,
    message: Pick<RoomMessage, 'kind' | 'sequence' | 'total' | 'uncertain' | 'padding'>,
  ): Promise<boolean> {
    const data: RoomMessage = { run: this.#options.run, sentAt: Date.now(), instance: INSTANCE, ...message };
    return (await requestMeasured(this.#socket, target.routes.send, { parameters: { room }, data })) !== undefined;
  }
}
