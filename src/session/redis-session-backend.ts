import { createHash } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import type session from 'express-session';
import type { RedisClient } from '../redis';
import { DEFAULT_COOKIE } from './default-cookie';
import type { CookieWrite, SaveOutcome } from './pod-session-protocol';
import { type RedisScript, SAVE_SCRIPT, TOUCH_SCRIPT } from './redis-scripts';
import type { FoundSession, SaveRequest, SessionBackend } from './session-backend';
import { fieldsOf, joinFields, type SessionFields } from './session-fields';

/** Where and how sessions stand in Redis. */
export interface RedisSessionPlace {
  client: RedisClient;
  /** What a session's key begins with; its id follows. */
  prefix: string;
  /** How long a session lives whose cookie ends with the browser, in milliseconds. */
  defaultTtlMs: number;
  /** Settles when commands can be sent; rejects where that takes too long. */
  connected?: () => Promise<void>;
  /** Told of each stored value that is no session. */
  onCorrupt?: (key: string) => void;
}

/** connect-redis parses and prints; here it only fetches, and the text is needed. */
const RAW = {
  parse: (text: string) => text as unknown as session.SessionData,
  stringify: (data: session.SessionData) => data as unknown as string,
};

const DELETE_BATCH = 500;
const SCAN_COUNT = 200;

/**
 * Sessions in Redis, in the format of connect-redis: other stores of that format can read them, and theirs can be read.
 * Saves are merged within Redis by a script. Each session is one key, so that a cluster will do.
 */
export function redisSessionBackend(place: RedisSessionPlace): SessionBackend {
  const { client, prefix, defaultTtlMs, connected, onCorrupt } = place;
  const store = new RedisStore({ client, prefix, serializer: RAW });

  async function read(sid: string): Promise<{ text: string; data: session.SessionData } | 'corrupt' | null> {
    await connected?.();
    const text = (await store.get(sid)) as string | null;
    if (text === null) return null;
    const data = parse(text);
    if (data) return { text, data };
    onCorrupt?.(prefix + sid);
    return 'corrupt';
  }

  return {
    async get(sid): Promise<FoundSession | 'corrupt' | null> {
      const found = await read(sid);
      if (found === null || found === 'corrupt') return found;
      const { text, data } = found;
      return {
        data,
        fieldsRead: () => fieldsOf(JSON.parse(text) as object),
        version: createHash('sha1').update(text).digest('hex'),
      };
    },

    async save(sid, request): Promise<SaveOutcome> {
      await connected?.();
      const [outcome, digest] = (await run(
        client,
        SAVE_SCRIPT,
        prefix + sid,
        saveArguments(request, defaultTtlMs),
      )) as [SaveOutcome['outcome'], string];
      return outcome === 'stored' ? { outcome, version: digest } : { outcome };
    },

    async touch(sid, cookie) {
      await connected?.();
      await run(client, TOUCH_SCRIPT, prefix + sid, [
        String(defaultTtlMs),
        numberText(cookie?.emptyTtlMs),
        ...cookieNumbers(cookie),
      ]);
    },

    async destroy(sid) {
      await connected?.();
      await store.destroy(sid);
    },

    async clear() {
      await connected?.();
      const keys = await scan(client, prefix);
      for (let from = 0; from < keys.length; from += DELETE_BATCH) {
        // One by one: the keys of one command must be in one slot of a cluster.
        await Promise.all(keys.slice(from, from + DELETE_BATCH).map((key) => client.del(key)));
      }
    },

    async ids() {
      await connected?.();
      return (await scan(client, prefix)).map((key) => key.slice(prefix.length));
    },

    async peek(sids) {
      const found = await Promise.all(sids.map(async (sid) => ({ sid, session: await read(sid) })));
      return found.flatMap(({ sid, session: each }) =>
        each === null || each === 'corrupt' ? [] : [{ sid, data: each.data }],
      );
    },
  };
}

/** Reads a stored text; `undefined` where it is no session. */
function parse(text: string): session.SessionData | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const data = value as session.SessionData;
  // express-session needs one; code of an app may have stored data without.
  if (typeof data.cookie !== 'object' || data.cookie === null) data.cookie = JSON.parse(DEFAULT_COOKIE);
  return data;
}

function saveArguments({ fields, cookie, base }: SaveRequest, defaultTtlMs: number): string[] {
  const changed = base.kind === 'read' ? base.changed : [...fields.keys()];
  const removed = base.kind === 'read' ? base.removed : [];
  return [
    base.kind,
    base.kind === 'read' ? String(base.version ?? '') : '',
    textOf(fields, cookie),
    fields.size === 0 ? '1' : '0',
    String(defaultTtlMs),
    numberText(cookie?.emptyTtlMs),
    cookie?.text ?? '',
    ...cookieNumbers(cookie),
    String(changed.length),
    ...changed.flatMap((name) => [JSON.stringify(name), fields.get(name) as string]),
    ...removed.map((name) => JSON.stringify(name)),
  ];
}

/** The whole session as connect-redis would write it, the cookie first as express-session has it. */
function textOf(fields: SessionFields, cookie: CookieWrite | null): string {
  const cookieText = cookie?.text ?? DEFAULT_COOKIE;
  const rest = joinFields(fields);
  return fields.size === 0 ? `{"cookie":${cookieText}}` : `{"cookie":${cookieText},${rest.slice(1)}`;
}

/** Age, age that was read, time to live; where there is no cookie, nothing is known of it. */
function cookieNumbers(cookie: CookieWrite | null): string[] {
  if (cookie === null) return ['null', 'null', ''];
  const read = cookie.readMaxAgeMs;
  return [
    String(cookie.maxAgeMs),
    read === undefined ? '' : String(read),
    cookie.ttlMs === undefined ? '' : numberText(cookie.ttlMs),
  ];
}

function numberText(value: number | undefined): string {
  return value === undefined ? '' : String(Math.ceil(value));
}

async function run(client: RedisClient, script: RedisScript, key: string, args: string[]): Promise<unknown> {
  try {
    return await client.evalsha(script.sha1, 1, key, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(script.source, 1, key, ...args);
  }
}

/** Every key with the prefix, on every master of a cluster. */
async function scan(client: RedisClient, prefix: string): Promise<string[]> {
  const nodes = 'nodes' in client && typeof client.nodes === 'function' ? client.nodes('master') : [client];
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const keys = new Set<string>();
  for (const node of nodes) {
    let cursor = '0';
    do {
      const [next, found] = (await node.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)) as [string, string[]];
      for (const key of found) keys.add(key);
      cursor = next;
    } while (cursor !== '0');
  }
  return [...keys];
}
