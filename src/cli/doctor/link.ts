import { randomBytes } from 'node:crypto';
import { BusCounters } from '../../bus/counters';
import type { BusLog } from '../../bus/fleet';
import { createLink, DEFAULT_LINK, readBusSecrets } from '../../bus/link/create-link';
import type { Link } from '../../bus/link/link';
import { MAX_LOG_BYTES } from '../../bus/link/streams-link';
import { messageOf } from '../../launcher/errors';
import { createRedisClients, type RedisClient, type RedisDocument, type RedisServer, RedisSettings } from '../../redis';
import type { AppReport } from './app-report';
import { type Finding, fail, ok, skip, warn } from './finding';

const WITHIN_MS = 5_000;
const NAME = 'link';

/** The link between pods: whether a message comes through, and whether this user may do all that it takes. */
export async function checkAppLink({ redis, link = null, recovers }: AppReport): Promise<Finding> {
  if (!redis) return skip(NAME, 'none: there is no Redis');
  const name = link ?? DEFAULT_LINK;
  // As the pods do it, under names beside theirs.
  const trial = `doctor-${randomBytes(6).toString('hex')}:`;
  const document = { ...redis, channelPrefix: `${redis.channelPrefix}${trial}` };
  const recoveryKey = `${redis.keyPrefix}recovery:${trial}`;
  try {
    const refused = name === 'redis-streams' ? await refusedCommands(document, recovers ? recoveryKey : undefined) : [];
    if (refused.length > 0) {
      return fail(
        NAME,
        `the link ${name} is set, and this user may not ${refused.join(', ')}`,
        'Give it the rights of docs/redis.md, or set sails.config.flotilla.link to redis, in all pods.',
      );
    }
    const tookMs = await roundTrip(document, name);
    return ok(NAME, `${name}: a message came through (${tookMs} ms)`);
  } catch (error) {
    return fail(
      NAME,
      `the link ${name} does not work: ${messageOf(error)}`,
      'See docs/redis.md, "The rights of the user".',
    );
  }
}

/** Whether there is room for what the link keeps in Redis. */
export function checkLogMemory({ link, maxLogBytes }: AppReport, { maxMemoryBytes }: RedisServer): Finding {
  const name = 'redis memory';
  if ((link ?? DEFAULT_LINK) !== 'redis-streams') return skip(name, `the link ${link} keeps nothing in Redis`);
  if (maxMemoryBytes === undefined) return skip(name, 'this user may not ask (INFO)');
  if (maxMemoryBytes === 0) return ok(name, 'no limit (maxmemory 0)');
  const keeps = maxLogBytes ?? MAX_LOG_BYTES;
  const limit = `maxmemory is ${mebibytes(maxMemoryBytes)}`;
  if (maxMemoryBytes >= 2 * keeps) return ok(name, limit);
  return warn(
    name,
    `${limit}, and the link redis-streams keeps up to ${mebibytes(keeps)} of messages there, beside sessions and the states of clients`,
    `Raise maxmemory to ${mebibytes(2 * keeps)} or more, or lower sails.config.flotilla.maxLogBytes in all pods.`,
  );
}

/** The commands of the log, and of recovery, that Redis refuses this user, by name. */
async function refusedCommands(document: RedisDocument, recoveryKey: string | undefined): Promise<string[]> {
  const clients = createRedisClients(RedisSettings.fromDocument(document), { owner: 'doctor' });
  const client = clients.commands('doctor');
  const logKey = keyOfLog(document);
  const commands: string[][] = [
    ['XADD', logKey, 'MAXLEN', '~', '1', '*', 'b', ''],
    ['XREAD', 'COUNT', '1', 'STREAMS', logKey, '0'],
    ['XRANGE', logKey, '-', '+'],
    ['XREVRANGE', logKey, '+', '-'],
    ['XLEN', logKey],
    ...(recoveryKey === undefined ? [] : recoveryCommands(recoveryKey)),
  ];
  try {
    await within(clients.ready(), 'Redis does not answer');
    const refused: string[] = [];
    for (const [command = '', ...args] of commands) {
      await (client as RedisClient).call(command, ...args).catch((error: Error) => {
        if (!error.message.startsWith('NOPERM')) throw error;
        refused.push(command);
      });
    }
    await client.del(logKey).catch(() => undefined);
    return refused;
  } finally {
    await clients.close();
  }
}

/** The last ones leave nothing behind. */
function recoveryCommands(key: string): string[][] {
  const list = `${key}list`;
  const text = `${key}text`;
  return [
    ['HSET', key, 'a', '1'],
    ['HGET', key, 'a'],
    ['HMGET', key, 'a'],
    ['PEXPIRE', key, '10000'],
    ['PTTL', key],
    ['HDEL', key, 'a'],
    ['RPUSH', list, '1'],
    ['LLEN', list],
    ['LRANGE', list, '0', '-1'],
    ['LTRIM', list, '1', '0'],
    ['SET', text, '1', 'PX', '10000'],
    ['GET', text],
    ['EVAL', 'return 1', '1', text],
    ['DEL', text],
  ];
}

/** Sends a message from one end of the link to another; returns how long it took. */
async function roundTrip(document: RedisDocument, name: NonNullable<AppReport['link']>): Promise<number> {
  let trouble = '';
  const note = (message: string) => {
    trouble = message.replace(/^Flotilla: /, '');
  };
  const log: BusLog = { debug: () => {}, info: () => {}, warn: note, error: note };
  const redis = RedisSettings.fromDocument(document);
  const ends = ['A', 'B'].map((end) =>
    createLink({ name, redis, podName: 'doctor', secrets: readBusSecrets(), log })(
      { hub: `DOCTOR-${end}-${randomBytes(6).toString('hex')}`, podTag: `DR-${end}` },
      new BusCounters(log),
    ),
  ) as [Link, Link];
  const [from, to] = ends;
  const nothing = { onMessage: () => {}, onUp: () => {}, onDown: () => {} };
  try {
    const heard = new Promise<void>((resolve) => to.start({ ...nothing, onMessage: () => resolve() }));
    from.start(nothing);
    await within(Promise.all([from.ready(), to.ready()]), 'it does not come up', () => trouble);
    const begun = performance.now();
    from.toAll(Buffer.from('a trial'));
    await within(heard, 'a message does not come through', () => trouble);
    return Math.round(performance.now() - begun);
  } finally {
    await Promise.all(ends.map((end) => end.close()));
    await removeLog(document);
  }
}

async function removeLog(document: RedisDocument): Promise<void> {
  const clients = createRedisClients(RedisSettings.fromDocument(document), { owner: 'doctor' });
  // Without the right to do so a few bytes stay.
  await clients
    .commands('doctor')
    .del(keyOfLog(document))
    .catch(() => undefined);
  await clients.close();
}

function keyOfLog({ channelPrefix }: RedisDocument): string {
  return `${channelPrefix}bus:{log}`;
}

async function within<T>(promise: Promise<T>, otherwise: string, why = () => ''): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const reason = why();
      reject(new Error(`${otherwise} within ${WITHIN_MS} ms${reason ? ` (${reason})` : ''}`));
    }, WITHIN_MS);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}
