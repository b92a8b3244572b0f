import type { RedisClient } from '../../redis';
import { RedisSessionStore } from '../recovery/redis-session-store';
import type { OpenSessionStore } from '../recovery/session-store';
import { LinkEnvelope } from './envelope';
import type { Link, LinkReceiver, LinkStatus, OnLogged } from './link';
import { PubSubLink, type PubSubLinkOptions } from './pub-sub-link';
import { StreamLog } from './stream-log';

/** Options of a {@link StreamsLink}. */
export interface StreamsLinkOptions extends Omit<PubSubLinkOptions, 'sharded' | 'partitions'> {
  /** About so many messages stay in the stream. Default 100,000. */
  maxLogEntries?: number;
  /** Of large messages fewer stay in it: as many as fit into about so many bytes, the latest 500 in any case. Default 64 MiB. */
  maxLogBytes?: number;
}

const MAX_LOG_ENTRIES = 100_000;
/** Default of `maxLogBytes`. */
export const MAX_LOG_BYTES = 64 * 1024 ** 2;
const RETRY_MS = 1_000;

/**
 * One Redis stream for everything that goes to all pods or to rooms, read by every pod; publish and subscribe for answers and
 * signs of life. One stream for all namespaces: it is one order and one reader, and few apps have more than a namespace or two.
 */
export class StreamsLink implements Link {
  readonly name = 'redis-streams';
  readonly isPartitioned = false;
  readonly log: StreamLog;
  readonly openSessions: OpenSessionStore;
  readonly #signals: PubSubLink;
  readonly #reader: RedisClient;
  readonly #key: string;
  readonly #retries: NodeJS.Timeout;
  #receiver: LinkReceiver | undefined;
  #deafRebuilds = 0;
  #isUp = false;
  /** Opens the log once more, where Redis refused that. */
  #openAgain: (() => void) | undefined;
  #ready: Promise<void> = Promise.resolve();

  constructor(private readonly options: StreamsLinkOptions) {
    const { redis, origin, secrets, log, counters } = options;
    const { maxLogEntries = MAX_LOG_ENTRIES, maxLogBytes = MAX_LOG_BYTES } = options;
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
      maxBytes: maxLogBytes,
      hub: origin.hub,
      envelope: new LinkEnvelope(origin, secrets),
      clients,
      writer,
      reader: this.#reader,
      log,
      counters,
      onDeaf: () => this.#reconnect(),
    });
    this.openSessions = (observer) => new RedisSessionStore(options, observer);
    this.#retries = setInterval(() => this.#retry(), RETRY_MS);
    this.#retries.unref();
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#ready = new Promise((resolve) => {
      this.#signals.start({
        onMessage: (body, origin, channel) => receiver.onMessage(body, origin, channel),
        onUp: () => void this.#open(resolve),
        onDown: () => {
          this.log.pause();
          this.#openAgain = undefined;
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
    const state = status.state === 'up' && !(this.#isUp && this.log.isRead) ? 'down' : status.state;
    return { ...status, name: this.name, state, deafRebuilds: status.deafRebuilds + this.#deafRebuilds };
  }

  async close(): Promise<void> {
    clearInterval(this.#retries);
    this.log.close();
    await this.#signals.close();
  }

  async #open(onOpen: () => void): Promise<void> {
    const receiver = this.#receiver as LinkReceiver;
    this.#openAgain = undefined;
    // The hub's greeting goes first, so that whoever gets what follows is known here by the time it answers.
    const result = await this.log.open(receiver, () => this.#up());
    if (result === 'refused') this.#openAgain = () => void this.#open(onOpen);
    if (result !== 'open') return;
    if (!this.#isUp) this.#up();
    onOpen();
  }

  #up(): void {
    this.#isUp = true;
    this.#receiver?.onUp();
  }

  #retry(): void {
    this.#openAgain?.();
    this.log.tellDropped();
  }

  #reconnect(): void {
    this.#deafRebuilds += 1;
    this.options.log.error(
      'Flotilla: the log of the link is deaf (Redis has what was written, but does not give it); reconnecting',
    );
    this.#reader.disconnect(true);
  }
}
