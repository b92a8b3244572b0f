import { expect } from 'vitest';
import type { RedisClients, RedisSubscriber } from '../../dist/redis';
import { RecordingLog } from '../support/redis-log';
import { clientsFor, Inbox } from './round-trip';

/** Clients of every kind, whose outages are counted and can be waited for. */
export class Watched {
  readonly log = new RecordingLog();
  readonly inbox = new Inbox();
  readonly clients: RedisClients;
  readonly commands: ReturnType<RedisClients['commands']>;
  readonly publisher: ReturnType<RedisClients['publisher']>;
  readonly subscriber: RedisSubscriber;
  downs = 0;
  ups = 0;
  #waiting: (() => void)[] = [];

  constructor(code: unknown) {
    this.clients = clientsFor(code, {
      log: this.log,
      onDown: () => this.#count('downs'),
      onUp: () => this.#count('ups'),
    });
    this.commands = this.clients.commands('session');
    this.publisher = this.clients.publisher('publish');
    this.subscriber = this.clients.subscriber('subscribe', this.inbox.take);
  }

  #count(what: 'downs' | 'ups'): void {
    this[what]++;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async counts(downs: number, ups: number): Promise<void> {
    while (this.downs < downs || this.ups < ups) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    expect({ downs: this.downs, ups: this.ups }).toEqual({ downs, ups });
  }

  async expectDelivery(channel: string, text: string): Promise<void> {
    await this.publisher.publish(channel, text);
    await this.inbox.got(`${channel} ${text}`);
    expect(this.inbox.messages.filter((message) => message === `${channel} ${text}`)).toHaveLength(1);
  }
}

/** The same, connected, subscribed to `before`, and tried. */
export async function watched(code: unknown): Promise<Watched> {
  const each = new Watched(code);
  await each.clients.ready();
  await each.subscriber.subscribe('before');
  await each.expectDelivery('before', 'zero');
  return each;
}
