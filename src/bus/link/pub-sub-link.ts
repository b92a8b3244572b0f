import {
  createRedisClients,
  type RedisClient,
  type RedisClients,
  type RedisSettings,
  type RedisSubscriber,
} from '../../redis';
import type { BusCounters } from '../counters';
import type { BusLog } from '../fleet';
import { parseOwner } from '../ids';
import { type Channels, partitionedChannels, plainChannels } from './channels';
import { LinkEnvelope } from './envelope';
import type { Link, LinkOrigin, LinkReceiver, LinkState, LinkStatus } from './link';
import { Outbox } from './outbox';

/** A room that nobody holds any more stays subscribed this long: rooms come and go. */
const RELEASE_DELAY_MS = 2_000;

/** Options of a {@link PubSubLink}. */
export interface PubSubLinkOptions {
  redis: RedisSettings;
  /** `true`: SPUBLISH and SSUBSCRIBE, for Redis 7 Cluster. */
  sharded: boolean;
  /** Over how many partitions the channels of a sharded link are spread. Default 64. */
  partitions?: number;
  origin: LinkOrigin;
  podName: string;
  /** Secrets that sign the messages; see `FLOTILLA_BUS_SECRET`. */
  secrets?: readonly string[];
  /** How often this pod sends itself a message. Default 1000. */
  probeEveryMs?: number;
  /** A link that such a message has not come back to for this long is deaf, if Redis answers at all. Default 2500. */
  probeTimeoutMs?: number;
  log: BusLog;
  counters: BusCounters;
  /** Runs once when an outage of Redis begins. */
  onRedisDown?: () => void;
  /** Runs once when it is over. */
  onRedisUp?: () => void;
}

/** Redis publish and subscribe between pods: one connection that publishes, one that is subscribed to what this pod holds. */
export class PubSubLink implements Link {
  readonly name: string;
  readonly isPartitioned: boolean;
  readonly log = undefined;
  readonly #channels: Channels;
  readonly #probes: string[];
  readonly #envelope: LinkEnvelope;
  readonly #clients: RedisClients;
  readonly #publisher: RedisClient;
  readonly #subscriber: RedisSubscriber;
  readonly #outbox: Outbox;
  readonly #held = new Set<string>();
  readonly #pending = new Map<string, Promise<void>>();
  readonly #releases = new Map<string, NodeJS.Timeout>();
  /** Parts of the link on which a message to oneself is under way, with the time when the oldest of them was sent. */
  readonly #unheard = new Map<string, number>();
  #receiver: LinkReceiver | undefined;
  #probeTimer: NodeJS.Timeout | undefined;
  #probeDelayMs: number | undefined;
  #deafRebuilds = 0;
  #reconnects = 0;
  #isDeaf = false;
  #isListening = false;
  #outages = 0;
  /** Settles when the subscriptions are back after an outage; nothing where there is nothing to wait for. */
  #resubscribed: Promise<void> | undefined;
  #onAllHeard: (() => void) | undefined;
  #ready: Promise<void> | undefined;
  #wasUp = false;
  #closed = false;

  constructor(private readonly options: PubSubLinkOptions) {
    const { redis, sharded, partitions = 64, origin, podName, log, counters } = options;
    this.isPartitioned = sharded;
    this.name = sharded ? 'redis-sharded' : 'redis';
    this.#channels = sharded
      ? partitionedChannels(redis.channelPrefix, partitions)
      : plainChannels(redis.channelPrefix);
    this.#probes = this.#channels.probes(origin.podTag);
    this.#envelope = new LinkEnvelope(origin, options.secrets);
    this.#outbox = new Outbox(() => counters.dropped('link-down'));
    this.#clients = createRedisClients(redis, {
      log,
      owner: podName,
      onDown: () => this.#onDown(),
      onUp: () => {
        if (this.#wasUp) this.#onUp();
      },
    });
    const onMessage = (channel: string, payload: Buffer) => this.#receive(channel, payload);
    this.#publisher = sharded ? this.#clients.shardedPublisher('bus-pub') : this.#clients.publisher('bus-pub');
    this.#subscriber = sharded
      ? this.#clients.shardedSubscriber('bus-sub', onMessage)
      : this.#clients.subscriber('bus-sub', onMessage);
  }

  /** The connections, for a link that is built on this one. Clients that are made with `clients` share its ups and downs. */
  get connections(): { clients: RedisClients; publisher: RedisClient } {
    return { clients: this.#clients, publisher: this.#publisher };
  }

  start(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    const { podTag } = this.options.origin;
    const subscribed = this.#subscriber.subscribe(this.#channels.all(), this.#channels.pod(podTag), ...this.#probes);
    this.#ready = Promise.all([this.#clients.ready(), subscribed]).then(() => {
      if (!this.#wasUp) this.#onUp();
    });
    this.#ready.catch((error: Error) =>
      this.options.log.error(`Flotilla: the link to the other pods fails: ${error.message}`),
    );
    this.#probeTimer = setInterval(() => void this.#probe(), this.options.probeEveryMs ?? 1_000);
    this.#probeTimer.unref();
  }

  ready(): Promise<void> {
    return this.#ready ?? Promise.resolve();
  }

  toAll(body: Buffer): void {
    this.#publish(this.#channels.all(), body);
  }

  announce(body: Buffer): void {
    this.toAll(body);
  }

  toPod(podTag: string, body: Buffer): void {
    this.#publish(this.#channels.pod(podTag), body);
  }

  toRooms(nsp: string, rooms: string[], body: Buffer): void {
    for (const room of rooms) this.#publish(this.#channels.room(nsp, room), body);
  }

  hold(nsp: string, room: string): Promise<void> | undefined {
    const channel = this.#channels.room(nsp, room);
    clearTimeout(this.#releases.get(channel));
    this.#releases.delete(channel);
    if (this.#held.has(channel)) return this.#unlessDown(this.#pending.get(channel) ?? this.#resubscribed);
    this.#held.add(channel);
    const settled = this.#subscriber
      .subscribe(channel)
      .catch((error: Error) => this.options.log.error(`Flotilla: can't subscribe to room "${room}": ${error.message}`))
      .then(() => {
        if (this.#pending.get(channel) === settled) this.#pending.delete(channel);
      });
    this.#pending.set(channel, settled);
    return this.#unlessDown(settled);
  }

  release(nsp: string, room: string): void {
    const channel = this.#channels.room(nsp, room);
    if (this.#releases.has(channel)) return;
    const timer = setTimeout(() => {
      this.#releases.delete(channel);
      this.#held.delete(channel);
      this.#subscriber.unsubscribe(channel);
    }, RELEASE_DELAY_MS);
    timer.unref();
    this.#releases.set(channel, timer);
  }

  channelsOf(nsp: string, rooms: string[]): string[] {
    const { podTag } = this.options.origin;
    const channels: string[] = [];
    for (const room of rooms) {
      const channel = this.#channels.room(nsp, room);
      if (this.#held.has(channel) && !this.#pending.has(channel)) channels.push(channel);
      if (parseOwner(room)?.pod === podTag) channels.push(this.#channels.pod(podTag));
    }
    return channels;
  }

  status(): LinkStatus {
    return {
      name: this.name,
      state: this.#state(),
      subscriptions: this.#subscriber.channels,
      probeDelayMs: this.#probeDelayMs,
      reconnects: this.#reconnects,
      deafRebuilds: this.#deafRebuilds,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#probeTimer);
    for (const timer of this.#releases.values()) clearTimeout(timer);
    this.#releases.clear();
    await this.#clients.close();
  }

  #state(): LinkState {
    if (this.#isDeaf && this.#clients.clients().some(({ purpose, ready }) => purpose === 'publisher' && ready))
      return 'deaf';
    if (this.#clients.state === 'connecting' || !this.#wasUp) return 'connecting';
    return this.#clients.state === 'up' && this.#isListening ? 'up' : 'down';
  }

  /** While Redis is away nothing from other pods can be missed, so nobody is kept waiting for a subscription. */
  #unlessDown(pending: Promise<void> | undefined): Promise<void> | undefined {
    return this.#clients.state === 'up' ? pending : undefined;
  }

  #publish(channel: string, body: Buffer): void {
    if (this.#closed) return;
    const bytes = this.#envelope.wrap(channel, body);
    if (this.#clients.state === 'up' && this.#wasUp) this.#send(channel, bytes);
    else this.#outbox.add(channel, bytes);
  }

  #send(channel: string, bytes: Buffer): void {
    const { counters, sharded } = this.options;
    counters.linkSent(bytes.length);
    // The types of SPUBLISH know text only; ioredis writes bytes as they are.
    const payload = bytes as Buffer & string;
    const sent = sharded ? this.#publisher.spublish(channel, payload) : this.#publisher.publish(channel, payload);
    sent.catch(() => counters.dropped('link-down'));
  }

  #receive(channel: string, payload: Buffer): void {
    const { counters, origin } = this.options;
    const unwrapped = this.#envelope.unwrap(channel, payload);
    if (typeof unwrapped === 'string') {
      counters.dropped(unwrapped);
      return;
    }
    if (unwrapped.origin.hub === origin.hub) {
      if (this.#unheard.has(channel)) this.#heardMyself(channel, unwrapped.body);
      return;
    }
    counters.linkReceived(payload.length);
    this.#receiver?.onMessage(unwrapped.body, unwrapped.origin, channel);
  }

  /** Sends itself a message on every part of the link, after a look whether the earlier ones came back. */
  async #probe(): Promise<void> {
    if (this.#clients.state !== 'up' || !this.#wasUp) return;
    if (this.#isSilent()) await this.#rebuild();
    else this.#sendProbes();
  }

  #isSilent(): boolean {
    const oldest = performance.now() - (this.options.probeTimeoutMs ?? 2_500);
    for (const sentAt of this.#unheard.values()) if (sentAt < oldest) return true;
    return false;
  }

  #sendProbes(): void {
    const now = performance.now();
    const body = Buffer.alloc(8);
    body.writeDoubleLE(now);
    for (const channel of this.#probes) {
      if (!this.#unheard.has(channel)) this.#unheard.set(channel, now);
      this.#send(channel, this.#envelope.wrap(channel, body));
    }
  }

  async #rebuild(): Promise<void> {
    // Where even a PING gets no answer, Redis is away, which is another matter than a deaf subscriber.
    const alive = await this.#publisher.ping().then(
      () => true,
      () => false,
    );
    await new Promise((resolve) => setImmediate(resolve));
    // A process that was stopped or busy has by now read what had arrived meanwhile, and need not be deaf.
    if (!alive || this.#closed || !this.#isSilent()) return;
    this.#isDeaf = true;
    this.#deafRebuilds += 1;
    this.#unheard.clear();
    this.options.log.error(
      'Flotilla: the link to the other pods is deaf (Redis answers, but sends nothing); reconnecting',
    );
    this.#subscriber.reconnect();
  }

  #heardMyself(channel: string, body: Buffer): void {
    this.#unheard.delete(channel);
    if (body.length === 8) this.#probeDelayMs = performance.now() - body.readDoubleLE();
    if (this.#unheard.size > 0) return;
    this.#onAllHeard?.();
    if (!this.#isDeaf) return;
    this.#isDeaf = false;
    this.options.log.info('Flotilla: the link to the other pods hears again');
  }

  #onDown(): void {
    this.#outages += 1;
    this.#isListening = false;
    this.#resubscribed = undefined;
    this.#onAllHeard = undefined;
    this.#unheard.clear();
    this.#receiver?.onDown();
    this.options.onRedisDown?.();
  }

  #onUp(): void {
    if (this.#closed) return;
    const isFirst = !this.#wasUp;
    this.#wasUp = true;
    if (isFirst) {
      // The hub's greeting goes first, so that whoever gets what follows is known here by the time it answers.
      this.#isListening = true;
      this.#receiver?.onUp();
    }
    for (const { channel, bytes } of this.#outbox.drain()) this.#send(channel, bytes);
    if (isFirst) return;
    const outage = this.#outages;
    this.#resubscribed = this.#listenAgain(outage);
    void this.#resubscribed.then(() => this.#recovered(outage));
  }

  /** Settles when all subscriptions are back and this pod hears itself on every part of the link. */
  async #listenAgain(outage: number): Promise<void> {
    await this.#subscriber.confirmed();
    if (outage !== this.#outages || this.#closed) return;
    const heard = new Promise<void>((resolve) => {
      this.#onAllHeard = resolve;
    });
    this.#unheard.clear();
    this.#sendProbes();
    await heard;
  }

  #recovered(outage: number): void {
    if (outage !== this.#outages || this.#closed) return;
    this.#isListening = true;
    this.#resubscribed = undefined;
    this.#onAllHeard = undefined;
    this.#reconnects += 1;
    this.#receiver?.onUp();
    this.options.onRedisUp?.();
  }
}
