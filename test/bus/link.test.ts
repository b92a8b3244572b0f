import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BusCounters } from '../../dist/bus/counters';
import { plainChannels } from '../../dist/bus/link/channels';
import { createLink, LINK_NAMES, type LinkOptions } from '../../dist/bus/link/create-link';
import { LinkEnvelope } from '../../dist/bus/link/envelope';
import type { Link } from '../../dist/bus/link/link';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisServer } from '../support/redis-server';
import { DeafProxy } from './deaf-proxy';

const settingsFor = (code: unknown) => resolveRedisSettings({ code, env: {} }) as RedisSettings;
const log = { debug() {}, info() {}, warn() {}, error() {} };
const origin = () => ({ hub: randomBytes(9).toString('base64url'), podTag: randomBytes(3).toString('base64url') });

let redis: RedisServer;
let settings: RedisSettings;
let raw: Redis;
const links: Link[] = [];
beforeAll(async () => {
  redis = await RedisServer.start();
  settings = settingsFor(redis.url);
  raw = new Redis(redis.port);
});
afterAll(async () => {
  await Promise.all(links.map((link) => link.close()));
  raw?.disconnect();
  await redis?.stop();
});

/** A link without a hub, and what came over it. */
async function startLink(options: Partial<LinkOptions> = {}, onUp: () => void = () => undefined) {
  const counters = new BusCounters(log);
  const link = createLink({ name: 'redis', redis: settings, podName: 'pod', log, ...options })(origin(), counters);
  links.push(link);
  const got: string[] = [];
  link.start({ onMessage: (body) => got.push(body.toString()), onUp, onDown: () => undefined });
  await link.ready();
  return { link, got, counters };
}

describe('a link over Redis', () => {
  it('C10: is up again only when its subscriptions are', async () => {
    const proxy = await DeafProxy.start(redis);
    const channel = plainChannels(settings.channelPrefix).room('/', 'room');
    const envelope = new LinkEnvelope(origin());
    let ups = 0;
    const { link, got } = await startLink({ redis: settingsFor(`redis://127.0.0.1:${proxy.port}`) }, () => {
      ups += 1;
      void raw.publish(channel, envelope.wrap(channel, Buffer.from(`sent when up ${ups}`)));
    });
    await link.hold('/', 'room');
    const isUpAgain = async () => ups > 1;
    proxy.subscribeDelayMs = 300;
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(isUpAgain, 'the link is up again');
    await raw.publish(channel, envelope.wrap(channel, Buffer.from('last')));
    await until(async () => got.includes('last'), 'the room is subscribed again');
    expect(got).toEqual(['sent when up 2', 'last']);
    await link.close();
    await proxy.stop();
  });
});

describe('a process that was busy', () => {
  it.each(LINK_NAMES)('reads what has arrived meanwhile before it calls its link %s deaf', async (name) => {
    const { link } = await startLink({ name, probeEveryMs: 50, probeTimeoutMs: 200 });
    // Redis answers the probe under way while this process does not look.
    const asleep = raw.call('DEBUG', 'SLEEP', '0.4');
    await new Promise((resolve) => setTimeout(resolve, 150));
    // From here on the timers have their turn before the sockets.
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700);
    await asleep;
    const { probeDelayMs } = link.status();
    await until(async () => link.status().probeDelayMs !== probeDelayMs, 'a probe is heard');
    expect(link.status()).toMatchObject({ state: 'up', deafRebuilds: 0 });
    await link.close();
  });
});

describe('signed messages', () => {
  it('that are forged or not signed are dropped and counted', async () => {
    const { link, got, counters } = await startLink({ secrets: ['right'] });
    await link.hold('/', 'room');
    const channel = plainChannels(settings.channelPrefix).room('/', 'room');
    const elsewhere = plainChannels(settings.channelPrefix).room('/', 'elsewhere');
    const forged = new LinkEnvelope(origin(), ['wrong']);
    const right = new LinkEnvelope(origin(), ['right']);
    const tampered = right.wrap(channel, Buffer.from('tampered'));
    tampered[tampered.length - 1] = 0;
    await raw.publish(channel, forged.wrap(channel, Buffer.from('forged')));
    await raw.publish(channel, new LinkEnvelope(origin()).wrap(channel, Buffer.from('unsigned')));
    await raw.publish(channel, right.wrap(elsewhere, Buffer.from('for another channel')));
    await raw.publish(channel, tampered);
    await raw.publish(channel, right.wrap(channel, Buffer.from('signed')));
    await until(async () => got.length > 0, 'the signed message arrives');
    expect(got).toEqual(['signed']);
    expect(Object.fromEntries(counters.droppedByReason)).toEqual({ 'bad-signature': 4 });
    await link.close();
  });

  it.each(LINK_NAMES)('survive a change of the secret, pod by pod, without a loss, link %s', async (name) => {
    const steps = [['old'], ['old', 'new'], ['new', 'old'], ['new']];
    // A fleet that is being rolled from one step to the next has pods of both.
    for (let step = 0; step + 1 < steps.length; step++) {
      const pods = await Promise.all([steps[step], steps[step + 1]].map((secrets) => startLink({ name, secrets })));
      for (const [index, { link }] of pods.entries()) {
        for (let message = 0; message < 20; message++) link.toAll(Buffer.from(`${index}/${message}`));
      }
      for (const [index, { got, counters }] of pods.entries()) {
        await until(async () => got.includes(`${1 - index}/19`), `step ${step}: the last message arrives`);
        expect(got).toEqual(Array.from({ length: 20 }, (_, message) => `${1 - index}/${message}`));
        expect(counters.droppedByReason.size).toBe(0);
      }
      for (const { link } of pods) await link.close();
    }
  });
});
