import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BusCounters } from '../../dist/bus/counters';
import { createLink, type LinkOptions } from '../../dist/bus/link/create-link';
import { LinkEnvelope } from '../../dist/bus/link/envelope';
import type { Link, LinkLog, LinkOrigin } from '../../dist/bus/link/link';
import { compareLogIds, LOG_START } from '../../dist/bus/link/log-id';
import { Unconfirmed } from '../../dist/bus/link/unconfirmed';
import { type RedisSettings, resolveRedisSettings } from '../../dist/redis';
import { until } from '../support/redis-process';
import { RedisProxy } from '../support/redis-proxy';
import { RedisServer } from '../support/redis-server';

const settingsFor = (code: unknown) => resolveRedisSettings({ code, env: {} }) as RedisSettings;
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** A link without a hub, and what it told. */
interface Reader {
  link: Link & { log: LinkLog };
  origin: LinkOrigin;
  counters: BusCounters;
  /** Messages of others and, marked `own`, this one's as they were logged; `gap`. In the order in which they were told. */
  told: string[];
  ids: string[];
  ups: number;
  send(text: string): void;
}

let redis: RedisServer;
let readers: Reader[] = [];
let cleanups: Array<() => unknown> = [];
beforeEach(async () => {
  redis = await RedisServer.start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
});
afterEach(async () => {
  await Promise.all(readers.map(({ link }) => link.close()));
  readers = [];
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
  await redis.stop();
});

/** Settles when each has read what all have sent before. */
async function allCaughtUp(...all: Reader[]): Promise<void> {
  // After the first round everything is in the log; some may have looked for its end before the last of another was.
  for (let round = 1; round <= 2; round++) await Promise.all(all.map(({ link }) => link.log.caughtUp()));
}

async function start(options: Partial<LinkOptions> = {}): Promise<Reader> {
  const counters = new BusCounters(log);
  const origin = { hub: randomBytes(9).toString('base64url'), podTag: randomBytes(3).toString('base64url') };
  const makeLink = createLink({
    name: 'redis-streams',
    redis: settingsFor(redis.url),
    podName: 'pod',
    log,
    ...options,
  });
  const link = makeLink(origin, counters) as Reader['link'];
  const reader: Reader = {
    link,
    origin,
    counters,
    told: [],
    ids: [],
    ups: 0,
    send: (text) =>
      link.toAll(Buffer.from(text), (logId) => {
        reader.told.push(`own ${text}`);
        reader.ids.push(logId);
      }),
  };
  link.start({
    onMessage: (body, _origin, _channel, logId) => {
      reader.told.push(body.toString());
      reader.ids.push(logId ?? 'none');
    },
    onGap: () => reader.told.push('gap'),
    onUp: () => {
      reader.ups += 1;
    },
    onDown: () => undefined,
  });
  readers.push(reader);
  await link.ready();
  return reader;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
const has = (reader: Reader, text: string) => until(async () => reader.told.includes(text), `"${text}" arrives`);
const isUpAgain = (reader: Reader, ups: number) => until(async () => reader.ups > ups, 'the link is up again');

/** Sends numbers, one every few milliseconds, until told to stop. */
function keepSending(sender: Reader): { stop(): string } {
  let number = 0;
  const timer = setInterval(() => sender.send(String(++number)), 5);
  return {
    stop: () => {
      clearInterval(timer);
      return String(number);
    },
  };
}

describe('the log of a link', () => {
  it('is one order for all: own messages have their place among those of others', async () => {
    const [a, b] = [await start(), await start()];
    for (let index = 0; index < 50; index++) {
      a.send(`a${index}`);
      b.send(`b${index}`);
    }
    await allCaughtUp(a, b);
    expect(a.told).toHaveLength(100);
    expect(a.ids).toEqual(b.ids);
    expect([...a.ids].sort(compareLogIds)).toEqual(a.ids);
    expect(a.told.map((text) => text.replace('own ', ''))).toEqual(b.told.map((text) => text.replace('own ', '')));
    expect(a.link.log.position).toBe(a.ids.at(-1));
  });

  it('is read back: everything after one entry up to another, own entries too', async () => {
    const [a, b] = [await start(), await start()];
    const beginning = a.link.log.position;
    for (const text of numbers(1, 2_500)) (Number(text) % 2 ? a : b).send(text);
    await allCaughtUp(a, b);
    const all = await a.link.log.readBack(beginning, a.link.log.position);
    expect(all?.map(({ logId }) => logId)).toEqual(a.ids);
    const some = await a.link.log.readBack(a.ids[99] as string, a.ids[1_499] as string);
    expect(some?.map(({ logId }) => logId)).toEqual(a.ids.slice(100, 1_500));
    const hubs = new Set(some?.map(({ origin }) => origin.hub));
    expect(hubs).toEqual(new Set([a.origin.hub, b.origin.hub]));
  });

  it('is not read back over a place where something is missing', async () => {
    const [a, b] = [await start(), await start()];
    const beginning = a.link.log.position;
    for (const text of numbers(1, 20)) a.send(text);
    await allCaughtUp(a, b);
    const raw = new Redis(redis.url);
    cleanups.push(() => raw.disconnect());
    const [key] = (await raw.keys('*bus:{log}*')) as [string];
    const [before, lost, next, last] = [a.ids[9], a.ids[10], a.ids[11], a.ids[19]] as [string, string, string, string];
    await raw.xdel(key, lost);
    for (const after of [beginning, before]) await expect(b.link.log.readBack(after, last)).rejects.toThrow('missing');
    expect(await b.link.log.readBack(next, last)).toHaveLength(8);
  });

  it('says so where it does not reach back that far any more', async () => {
    const a = await start({ maxLogEntries: 100 });
    const beginning = a.link.log.position;
    for (const text of numbers(1, 1_000)) {
      a.send(text);
      if (Number(text) % 50 === 0) await a.link.log.caughtUp();
    }
    const [first, ninetyBack] = [a.ids[0], a.ids[909]] as [string, string];
    for (const lost of [LOG_START, beginning, first])
      expect(await a.link.log.readBack(lost, a.link.log.position)).toBeUndefined();
    expect(await a.link.log.readBack(ninetyBack, a.link.log.position)).toHaveLength(90);
  });

  it('keeps as many large messages as fit into its bytes, the latest 500 in any case, and more when they are small again', async () => {
    const length = async () => Number(await redis.cli('XLEN', 'flotilla:bus:{log}'));
    const send = async (count: number, bytes: number) => {
      for (let sent = 0; sent < count; sent += 100) {
        for (let each = 0; each < 100; each++) a.send('x'.repeat(bytes));
        await a.link.log.caughtUp();
      }
    };
    const a = await start({ maxLogEntries: 3_000, maxLogBytes: 2_000_000 });
    await send(2_000, 10);
    expect(await length()).toBe(2_001);
    await send(2_000, 2_000);
    // Redis trims by whole nodes of its own, never more than it was told to.
    const large = await length();
    expect(large).toBeGreaterThan(800);
    expect(large).toBeLessThan(1_200);
    await send(1_000, 20_000);
    const huge = await length();
    expect(huge).toBeGreaterThanOrEqual(500);
    expect(huge).toBeLessThan(700);
    await send(3_000, 10);
    expect(await length()).toBeGreaterThan(2_500);
  });

  it('begins at its end: a pod that starts is not told what was before', async () => {
    const a = await start();
    a.send('before');
    await a.link.log.caughtUp();
    const b = await start();
    a.send('after');
    await has(b, 'after');
    expect(b.told).toEqual(['after']);
  });

  it('has a beginning that all share: pods that start at once on a new Redis tell each other of no gap', async () => {
    const pods = await Promise.all(Array.from({ length: 5 }, () => start()));
    for (const pod of pods) pod.send('1');
    await until(async () => pods.every(({ told }) => told.filter((text) => text !== 'gap').length === 5), 'all arrive');
    for (const { told } of pods) expect(told.sort()).toEqual(['1', '1', '1', '1', 'own 1']);
  });

  it('drops and counts what is none of its entries, and goes on', async () => {
    const raw = new Redis(redis.port);
    cleanups.push(() => raw.disconnect());
    const b = await start({ secrets: ['right'] });
    const a = await start({ secrets: ['right'] });
    const [key = ''] = await raw.keys('*bus:{log}*').then(async (keys) => {
      if (keys.length > 0) return keys;
      a.send('first');
      await has(b, 'first');
      return raw.keys('*bus:{log}*');
    });
    const forged = new LinkEnvelope(a.origin, ['wrong']).wrap(key, Buffer.alloc(20));
    const short = new LinkEnvelope(a.origin, ['right']).wrap(key, Buffer.alloc(2));
    await raw.xadd(key, '*', 'other', 'field');
    await raw.xadd(key, '*', 'b', forged);
    await raw.xadd(key, '*', 'b', short);
    a.send('last');
    await has(b, 'last');
    expect(b.told.filter((text) => text !== 'first')).toEqual(['last']);
    expect(Object.fromEntries(b.counters.droppedByReason)).toEqual({ malformed: 2, 'bad-signature': 1 });
  });

  it('tells an entry that was written twice once', async () => {
    const raw = new Redis(redis.port);
    cleanups.push(() => raw.disconnect());
    const [a, b] = [await start(), await start()];
    a.send('1');
    await has(b, '1');
    const [key = ''] = await raw.keys('*bus:{log}*');
    const [[, fields] = ['', []]] = await raw.xrevrangeBuffer(key, '+', '-', 'COUNT', 1);
    await raw.xadd(key, '*', 'b', (fields as Buffer[])[1] as Buffer);
    a.send('2');
    await has(b, '2');
    expect(b.told).toEqual(['1', '2']);
    expect(b.counters.link.duplicates).toBe(1);
  });
});

describe('an outage of the log', () => {
  it('of connections, again and again under traffic: nothing is lost, doubled or out of order', async () => {
    const [a, b] = [await start(), await start()];
    const traffic = keepSending(a);
    for (let round = 0; round < 5; round++) {
      const ups = [a.ups, b.ups] as const;
      await has(b, String((round + 1) * 20));
      await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
      await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await Promise.all([isUpAgain(a, ups[0]), isUpAgain(b, ups[1])]);
    }
    const last = traffic.stop();
    await Promise.all([has(a, `own ${last}`), has(b, last)]);
    expect(b.told).toEqual(numbers(1, Number(last)));
    expect(a.told).toEqual(numbers(1, Number(last)).map((text) => `own ${text}`));
  });

  it('of a Redis that keeps its data: nothing is lost, and nobody is told of a gap', async () => {
    const [a, b] = [await start(), await start()];
    const traffic = keepSending(a);
    await has(b, '20');
    const ups = [a.ups, b.ups] as const;
    await redis.restart();
    await Promise.all([isUpAgain(a, ups[0]), isUpAgain(b, ups[1])]);
    const last = traffic.stop();
    await has(b, last);
    expect(b.told).toEqual(numbers(1, Number(last)));
    expect(a.counters.droppedByReason.size).toBe(0);
  });

  it('of one pod alone: it reads what the others have sent meanwhile', async () => {
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const a = await start();
    const b = await start({ redis: settingsFor(`redis://127.0.0.1:${proxy.port}`) });
    a.send('1');
    await has(b, '1');
    proxy.freeze();
    for (const text of numbers(2, 500)) a.send(text);
    await has(a, 'own 500');
    proxy.thaw();
    proxy.cut();
    await has(b, '500');
    expect(b.told).toEqual(numbers(1, 500));
  });

  it('for longer than messages are kept: what is left comes in order, and others are told of the gap', async () => {
    const [a, b] = [await start(), await start()];
    a.send('1');
    await has(b, '1');
    const ups = [a.ups, b.ups] as const;
    await redis.kill();
    await until(async () => a.link.status().state === 'down', 'the outage is noticed');
    for (const text of numbers(2, 1_500)) a.send(text);
    expect(a.counters.droppedByReason.get('link-down')).toBe(499);
    await redis.restart();
    await Promise.all([isUpAgain(a, ups[0]), isUpAgain(b, ups[1])]);
    await Promise.all([has(a, 'own 1500'), has(b, '1500'), has(b, 'gap')]);
    expect(b.told.filter((text) => text !== 'gap')).toEqual(['1', ...numbers(501, 1_500)]);
    expect(a.told.slice(1)).toEqual(numbers(501, 1_500).map((text) => `own ${text}`));
  });

  it('of a Redis that has lost its data: everybody is told, ids go on rising, and messages flow again', async () => {
    const [a, b] = [await start(), await start()];
    for (const text of numbers(1, 10)) a.send(text);
    await has(b, '10');
    const ups = [a.ups, b.ups] as const;
    const raw = new Redis(redis.port);
    cleanups.push(() => raw.disconnect());
    await raw.flushall();
    await redis.restart();
    await Promise.all([isUpAgain(a, ups[0]), isUpAgain(b, ups[1])]);
    a.send('11');
    b.send('12');
    await Promise.all([has(a, '12'), has(b, '11')]);
    for (const { told, ids } of [a, b]) {
      expect(told).toContain('gap');
      expect([...ids].sort(compareLogIds)).toEqual(ids);
    }
  });

  it('during which entries were trimmed that a pod had not read: it is told of the gap', async () => {
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const a = await start({ maxLogEntries: 100 });
    const b = await start({ maxLogEntries: 100, redis: settingsFor(`redis://127.0.0.1:${proxy.port}`) });
    a.send('1');
    await has(b, '1');
    proxy.freeze();
    for (const text of numbers(2, 1_000)) a.send(text);
    await has(a, 'own 1000');
    proxy.thaw();
    proxy.cut();
    await has(b, '1000');
    const gap = b.told.lastIndexOf('gap');
    const rest = b.told.slice(gap + 1);
    expect(gap).toBeGreaterThan(0);
    expect(rest).toEqual(numbers(Number(rest[0]), 1_000));
  });

  it('during which all that somebody ever sent was trimmed: that is told although nothing of it is there to count', async () => {
    const proxy = await RedisProxy.start(redis);
    cleanups.push(() => proxy.stop());
    const b = await start({ maxLogEntries: 100, redis: settingsFor(`redis://127.0.0.1:${proxy.port}`) });
    proxy.freeze();
    const once = await start({ maxLogEntries: 100 });
    once.send('lost');
    const a = await start({ maxLogEntries: 100 });
    for (const text of numbers(1, 1_000)) {
      a.send(text);
      if (Number(text) % 100 === 0) await a.link.log.caughtUp();
    }
    // Nobody whom it has heard before is left to count.
    const c = await start({ maxLogEntries: 100 });
    for (const text of numbers(2_001, 2_800)) c.send(text);
    await has(c, 'own 2800');
    proxy.thaw();
    proxy.cut();
    await has(b, '2800');
    expect(b.told[0]).toBe('gap');
    expect(b.counters.link.gaps).toBe(1);
  });

  it('ends what waits for the log to be read', async () => {
    const a = await start();
    await redis.kill();
    await until(async () => a.link.status().state === 'down', 'the outage is noticed');
    await expect(a.link.log.caughtUp()).rejects.toThrow('the link is away');
  });
});

describe('trouble with the log', () => {
  it('a Redis that is full: what it refuses is counted, and others are told as soon as there is room', async () => {
    const errors: string[] = [];
    const [a, b] = [await start({ log: { ...log, error: (line) => errors.push(line) } }), await start()];
    a.send('1');
    await has(b, '1');
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    a.send('2');
    a.send('3');
    await until(async () => a.counters.droppedByReason.get('link-down') === 2, 'both are refused');
    expect(b.told).toEqual(['1']);
    await redis.cli('CONFIG', 'SET', 'maxmemory', '0');
    await has(b, 'gap');
    a.send('4');
    await has(b, '4');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/refuses to write the log of the link: OOM/);
    expect(a.link.status()).toMatchObject({ state: 'up', deafRebuilds: 0 });
  });

  it('a key of another kind under its name: that is said once, and it works when the key is gone', async () => {
    const errors: string[] = [];
    const key = `${settingsFor(redis.url).channelPrefix}bus:{log}`;
    await redis.cli('SET', key, 'text');
    const starting = start({ log: { ...log, error: (line) => errors.push(line) } });
    await until(async () => errors.length > 0, 'it is said');
    await redis.cli('DEL', key);
    const a = await starting;
    const b = await start();
    a.send('1');
    await has(b, '1');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/refuses to open the log of the link: WRONGTYPE/);
  });

  it('a user who may not read: that is said once, the link is not up, and nothing is missing afterwards', async () => {
    const errors: string[] = [];
    await redis.cli('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-xread');
    const a = await start();
    const b = await start({
      log: { ...log, error: (line) => errors.push(line) },
      redis: settingsFor(`redis://app:secret@127.0.0.1:${redis.port}`),
    });
    await until(async () => b.link.status().state === 'down', 'the link is not up');
    for (const text of numbers(1, 10)) a.send(text);
    await has(a, 'own 10');
    await redis.cli('ACL', 'SETUSER', 'app', '+xread');
    await has(b, '10');
    expect(b.told).toEqual(numbers(1, 10));
    expect(b.link.status().state).toBe('up');
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/refuses to read the log of the link: NOPERM/);
  });

  it('a log that begins anew with smaller ids while all are connected: a gap is told, and messages flow again', async () => {
    const [a, b] = [await start(), await start()];
    const key = `${settingsFor(redis.url).channelPrefix}bus:{log}`;
    const later = `${Date.now() + 3_600_000}-0`;
    await redis.cli('XADD', key, later, 'none', 'of ours');
    await until(async () => [a, b].every(({ link }) => link.log.position === later), 'both have read it');
    const ups = [a.ups, b.ups] as const;
    await redis.cli('DEL', key);
    a.send('1');
    await until(async () => a.ups > ups[0], 'it is noticed');
    expect(a.link.status().deafRebuilds).toBe(1);
    a.send('2');
    await has(b, '2');
    expect(b.told).toContain('gap');
    expect([...b.ids].sort(compareLogIds)).toEqual(b.ids);
  });

  it('a burst of more than is read at once, from a process that is busy: everything comes, and nobody is deaf', async () => {
    const [a, b] = [await start(), await start()];
    for (const text of numbers(1, 20_000)) a.send(text);
    const until4s = performance.now() + 4_000;
    while (performance.now() < until4s);
    await has(b, '20000');
    await has(a, 'own 20000');
    expect(b.told).toEqual(numbers(1, 20_000));
    expect([a, b].map(({ link }) => link.status().deafRebuilds)).toEqual([0, 0]);
  });

  it('whoever is told and throws: that is counted, and the next is told', async () => {
    const a = await start();
    a.link.toAll(Buffer.from('1'), () => {
      throw new Error('no use for it');
    });
    a.send('2');
    await has(a, 'own 2');
    expect(a.counters.failures).toBe(1);
  });
});

describe('own messages that are not confirmed', () => {
  const body = Buffer.alloc(1_000);

  it('are bounded while they wait; what was under way may be in the log, and is not called dropped', () => {
    let dropped = 0;
    const unconfirmed = new Unconfirmed(() => {
      dropped += 1;
    });
    for (let count = 1; count <= 2_000; count++) unconfirmed.add({ count, body }, true);
    for (let count = 2_001; count <= 4_000; count++) unconfirmed.add({ count, body }, false);
    expect([dropped, unconfirmed.size]).toEqual([1_000, 3_000]);
    expect(unconfirmed.confirm(1_990)?.count).toBe(1_990);
    const fresh = unconfirmed.takeFresh().map(({ count }) => count);
    expect(fresh).toEqual([...numbers(1_991, 2_000), ...numbers(3_001, 4_000)].map(Number));
    expect(unconfirmed.hasDropped).toBe(true);
  });

  it('are bounded where Redis takes them and they are never read', () => {
    const unconfirmed = new Unconfirmed(() => undefined);
    for (let count = 1; count <= 200_000; count++) unconfirmed.add({ count, body }, true);
    expect(unconfirmed.size * body.length).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(unconfirmed.confirm(200_000)?.count).toBe(200_000);
    expect(unconfirmed.size).toBe(0);
  });
});
