import type { RedisClient } from '../../redis';
import { LinkEnvelope } from './envelope';
import type { Link, LinkReceiver, LinkStatus, OnLogged } from './link';
import { PubSubLink, type PubSubLinkOptions } from './pub-sub-link';
import { StreamLog } from './stream-log';

/** Options of a {@link StreamsLink}. */
export interface StreamsLinkOptions extends Omit<PubSubLinkOptions, 'sharded' | 'partitions'> {
  /** About so many messages stay in the stream. Default 100,000. */
  maxLogEntries?: number;
}

const MAX_LOG_ENTRIES = 100_000;
const WATCH_EVERY_MS = 1_000;

/**
 * One Redis stream for everything that goes to all pods or to rooms, read by every pod; publish and subscribe for answers and
 * signs of life. One stream for all namespaces: it is one order and one reader, and few apps have more than a namespace or two.
 */
export class StreamsLink implements Link {
  readonly name = 'redis-streams';
  readonly isPartitioned = false;
  readonly log: StreamLog;
  readonly #signals: PubSubLink;
  readonly #reader: RedisClient;
  readonly #key: string;
  readonly #watch: NodeJS.Timeout;
  #receiver: LinkReceiver | undefined;
  #deafRebuilds = 0;
  #isUp = false;
  #ready: Promise<void> = Promise.resolve();

  constructor(private readonly options: StreamsLinkOptions) {
    const { redis, origin, secrets, log, counters, maxLogEntries = MAX_LOG_ENTRIES } = options;
    this.#signals = new PubSubLink({ ...options, sharded: false });
    const { clients } = this.#signals.connections;
    // On a cluster they find the node of the stream.
    this.#reader = clients.shardedPublisher('bus-read');
    const writer =
      redis.mode === 'cluster' ? clients.shardedPublisher('bus-write') : this.#signals.connections.publisher;
    this.#key = `${redis.channelPrefix}bus:{log}`;
    this.log = new StreamLog({
      key: this.#key,
      maxEntries: maxLogEntries,
      hub: origin.hub,
      envelope: new LinkEnvelope(origin, secrets),
      clients,
      writer,
      reader: this.#reader,
      log,
      counters,
    });
    this.#watch = setInterval(() => this.#lookForSilence(), WATCH_EVERY_MS);
    this.#watch.unref();
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#ready = new Promise((resolve) => {
      this.#signals.start({
        onMessage: (body, origin, channel) => receiver.onMessage(body, origin, channel),
        onUp: () => void this.#open(resolve),
        onDown: () => {
          this.log.pause();
          this.#isUp = false;
          receiver.onDown();
        },
      });
    });
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  toAll(body: Buffer, onLogged?: OnLogged): void {
    this.log.append(body, onLogged);
  }

  toRooms(_nsp: string, _rooms: string[], body: Buffer, onLogged?: OnLogged): void {
    this.log.append(body, onLogged);
  }

  announce(body: Buffer): void {
    this.#signals.announce(body);
  }

  toPod(podTag: string, body: Buffer): void {
    this.#signals.toPod(podTag, body);
  }

  /** Every pod reads everything. */
  hold(): undefined {}

  release(): void {}

  channelsOf(): string[] {
    return [this.#key];
  }

  status(): LinkStatus {
    const status = this.#signals.status();
    const state = status.state === 'up' && !this.#isUp ? 'down' : status.state;
    return { ...status, name: this.name, state, deafRebuilds: status.deafRebuilds + this.#deafRebuilds };
  }

  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.log.close();
    await this.#signals.close();
  }

  async #open(onOpen: () => void): Promise<void> {
    const receiver = this.#receiver as LinkReceiver;
    try {
      // The hub's greeting goes first, so that whoever gets what follows is known here by the time it answers.
      await this.log.open(receiver, () => this.#up());
    } catch (error) {
      // The outage that this is will end, and it is tried again then.
      this.options.log.warn(`Flotilla: the log of the link can't be opened: ${(error as Error).message}`);
      return;
    }
    if (!this.log.isOpen) return;
    if (!this.#isUp) this.#up();
    onOpen();
  }

  #up(): void {
    this.#isUp = true;
    this.#receiver?.onUp();
  }

  /** A reader that looks alive but gets nothing is connected anew. */
  #lookForSilence(): void {
    if (this.log.silenceMs < (this.options.probeTimeoutMs ?? 2_500)) return;
    this.#deafRebuilds += 1;
    this.options.log.error('Flotilla: the log of the link is not read (what was written does not come); reconnecting');
    this.#reader.disconnect(true);
  }
}
