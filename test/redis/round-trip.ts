import { expect } from 'vitest';
import {
  createRedisClients,
  type RedisClients,
  type RedisClientsOptions,
  type RedisSubscriber,
  resolveRedisSettings,
} from '../../dist/redis';

/** Clients from one setting in code. */
export function clientsFor(
  code: unknown,
  options: RedisClientsOptions = {},
  env: NodeJS.ProcessEnv = {},
): RedisClients {
  const settings = resolveRedisSettings({ code, env });
  if (!settings) throw new Error('no settings');
  return createRedisClients(settings, options);
}

/** Collects messages and lets a test wait for one. */
export class Inbox {
  readonly messages: string[] = [];
  #waiting: (() => void)[] = [];

  readonly take = (channel: string, payload: Buffer): void => {
    this.messages.push(`${channel} ${payload.toString('latin1')}`);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  };

  /** Settles when this message has come, at some time or another. */
  async got(message: string): Promise<void> {
    while (!this.messages.includes(message)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** SET and GET, PUBLISH and SUBSCRIBE, and where asked the sharded ones, all with clients of one setting. */
export async function expectRoundTrips(clients: RedisClients, { sharded = true } = {}): Promise<void> {
  const inbox = new Inbox();
  const commands = clients.commands('session');
  const publisher = clients.publisher('publish');
  const subscriber = clients.subscriber('subscribe', inbox.take);
  const shards: { publisher: ReturnType<RedisClients['shardedPublisher']>; subscriber: RedisSubscriber } | undefined =
    sharded
      ? {
          publisher: clients.shardedPublisher('spublish'),
          subscriber: clients.shardedSubscriber('ssubscribe', inbox.take),
        }
      : undefined;
  await clients.ready();
  expect(clients.state).toBe('up');

  const { keyPrefix, channelPrefix } = clients.settings;
  for (const name of ['a', 'b', 'c', 'd']) {
    await commands.set(`${keyPrefix}${name}`, `value of ${name}`, 'EX', 60);
    expect(await commands.get(`${keyPrefix}${name}`)).toBe(`value of ${name}`);
  }

  await subscriber.subscribe(`${channelPrefix}plain`);
  await publisher.publish(`${channelPrefix}plain`, Buffer.from([0, 255, 10]));
  await inbox.got(`${channelPrefix}plain \x00\xff\n`);

  if (!shards) return;
  const channels = Array.from({ length: 16 }, (_, index) => `${channelPrefix}shard${index}`);
  await shards.subscriber.subscribe(...channels);
  await Promise.all(channels.map((channel) => shards.publisher.spublish(channel, Buffer.from([255]))));
  await Promise.all(channels.map((channel) => inbox.got(`${channel} \xff`)));
  shards.subscriber.unsubscribe(...channels);
  expect(shards.subscriber.channels).toBe(0);
}
