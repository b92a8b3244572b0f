import type { Broadcast } from '../protocol';
import { RecentIds } from './recent-ids';

/** A copy of a message that is lost must not hold up what follows for longer than this. */
const LOST_COPY_MS = 250;
/** Copies of one message are never further apart than this. */
const IDLE_AFTER_MS = 60_000;

interface Entry {
  message: Broadcast;
  body: Buffer;
}

/** A message that comes on several channels. */
interface Awaited extends Entry {
  id: string;
  channels: Set<string>;
  arrived: Set<string>;
  timer: NodeJS.Timeout;
}

type Queued = Entry | Awaited;

/**
 * Puts the messages of one origin back into the order in which they were sent, where they come over channels that
 * overtake each other. Every channel by itself keeps its order; a message that comes on several of them waits until it is
 * next on each, so that it overtakes nothing and nothing overtakes it, in any of its rooms. It is delivered once.
 */
export class ChannelMerge {
  readonly #queues = new Map<string, Queued[]>();
  readonly #awaited = new Map<string, Awaited>();
  readonly #delivered = new RecentIds();
  #lastReceived = performance.now();

  /**
   * @param channelsOf the channels on which this pod gets a message to these rooms
   */
  constructor(
    private readonly channelsOf: (message: Broadcast) => string[],
    private readonly deliver: (message: Broadcast, body: Buffer) => void,
    private readonly onDuplicate: () => void,
  ) {}

  /** Whether nothing has come for so long that nothing is left to be put in order. */
  isIdle(now = performance.now()): boolean {
    return now - this.#lastReceived > IDLE_AFTER_MS;
  }

  receive(channel: string, message: Broadcast, body: Buffer): void {
    this.#lastReceived = performance.now();
    const entry = message.id ? this.#copyOf(message.id, channel, message, body) : { message, body };
    if (!entry) {
      this.onDuplicate();
      return;
    }
    const queue = this.#queues.get(channel);
    if (queue) queue.push(entry);
    else this.#queues.set(channel, [entry]);
    this.#pump(channel);
  }

  close(): void {
    for (const awaited of this.#awaited.values()) clearTimeout(awaited.timer);
    this.#awaited.clear();
    this.#queues.clear();
  }

  #copyOf(id: string, channel: string, message: Broadcast, body: Buffer): Awaited | undefined {
    let awaited = this.#awaited.get(id);
    if (!awaited) {
      if (!this.#delivered.add(id)) return undefined;
      const timer = setTimeout(() => this.#giveUpWaiting(id), LOST_COPY_MS);
      awaited = {
        id,
        message,
        body,
        channels: new Set(this.channelsOf(message)).add(channel),
        arrived: new Set(),
        timer,
      };
      this.#awaited.set(id, awaited);
    }
    awaited.channels.add(channel);
    awaited.arrived.add(channel);
    return awaited;
  }

  #giveUpWaiting(id: string): void {
    const awaited = this.#awaited.get(id);
    if (!awaited) return;
    awaited.channels = awaited.arrived;
    for (const channel of awaited.arrived) this.#pump(channel);
  }

  /** Delivers what has its turn, on this channel and on those that this sets free. */
  #pump(start: string): void {
    const channels = [start];
    for (let channel = channels.pop(); channel !== undefined; channel = channels.pop()) {
      const queue = this.#queues.get(channel);
      const head = queue?.[0];
      if (!queue || !head) continue;
      if (!('id' in head)) {
        queue.shift();
        if (queue.length === 0) this.#queues.delete(channel);
        this.deliver(head.message, head.body);
        channels.push(channel);
        continue;
      }
      if (!this.#isNextEverywhere(head)) continue;
      clearTimeout(head.timer);
      this.#awaited.delete(head.id);
      for (const each of head.channels) {
        const eachQueue = this.#queues.get(each);
        eachQueue?.shift();
        if (eachQueue?.length === 0) this.#queues.delete(each);
        channels.push(each);
      }
      this.deliver(head.message, head.body);
    }
  }

  #isNextEverywhere(awaited: Awaited): boolean {
    for (const channel of awaited.channels) if (this.#queues.get(channel)?.[0] !== awaited) return false;
    return true;
  }
}
