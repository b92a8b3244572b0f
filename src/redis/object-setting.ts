import { describeValue, HIDDEN, redactUrl } from './describe';
import { RedisSettingError } from './errors';
import { isGiven, readText } from './given-values';
import { parseDb, parseFamily, parseHost, parseNode, parsePort, parseWhole } from './scalars';
import type { RedisDraft, RedisNode } from './settings';
import { readTls } from './tls-material';
import { parseRedisUrl } from './url';

const KEYS = [
  'url',
  'host',
  'port',
  'path',
  'username',
  'password',
  'db',
  'family',
  'tls',
  'sentinels',
  'name',
  'sentinelUsername',
  'sentinelPassword',
  'sentinelTls',
  'cluster',
  'natMap',
  'namespace',
  'keyPrefix',
  'channelPrefix',
  'connectTimeoutMs',
  'commandTimeoutMs',
] as const;
type Key = (typeof KEYS)[number];

/** What other libraries call our settings. */
const OTHER_NAMES: ReadonlyMap<string, Key> = new Map([
  ['pass', 'password'],
  ['auth_pass', 'password'],
  ['user', 'username'],
  ['database', 'db'],
  ['hostname', 'host'],
  ['socket', 'path'],
  ['nodes', 'cluster'],
  ['ssl', 'tls'],
  ['ca', 'tls'],
  ['cert', 'tls'],
  ['key', 'tls'],
  ['prefix', 'keyPrefix'],
  ['masterName', 'name'],
  ['connectTimeout', 'connectTimeoutMs'],
  ['commandTimeout', 'commandTimeoutMs'],
]);

/**
 * Reads one setting of Redis: an address, or an object.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function parseRedisSetting(value: unknown, setting: string): RedisDraft {
  if (typeof value === 'string') return parseRedisUrl(value, setting);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Buffer.isBuffer(value)) {
    throw new RedisSettingError(
      setting,
      describeValue(value),
      'this is neither an address nor an object.',
      "Write 'redis://host:6379' or { host, port, … }; leave it out to run without Redis.",
    );
  }
  const input = value as Record<string, unknown>;
  refuseUnknown(input, setting);

  const draft: RedisDraft = isGiven(input.url) ? parseUrlKey(input.url, `${setting}.url`) : {};
  readPlace(draft, input, setting);
  readScalars(draft, input, setting);
  const tls = readTls(input.tls, `${setting}.tls`);
  if (tls) draft.tls = tls;
  else if (input.tls === false && draft.tls) {
    throw new RedisSettingError(
      `${setting}.tls`,
      'false',
      'the address says rediss://, which is TLS.',
      'Write redis:// for plain text, or leave tls out.',
    );
  }
  if (input.sentinelTls === false) draft.sentinelTls = false;
  else {
    const sentinelTls = readTls(input.sentinelTls, `${setting}.sentinelTls`);
    if (sentinelTls) draft.sentinelTls = sentinelTls;
  }
  if (isGiven(input.natMap)) draft.natMap = readNatMap(input.natMap, `${setting}.natMap`);
  return draft;
}

function refuseUnknown(input: Record<string, unknown>, setting: string): void {
  for (const name of Object.keys(input)) {
    if ((KEYS as readonly string[]).includes(name)) continue;
    const ours = OTHER_NAMES.get(name);
    const cure =
      ours === undefined
        ? `The settings are ${KEYS.join(', ')}.`
        : ours === 'tls' && name !== 'ssl'
          ? `Write it as tls.${name}.`
          : `It is called ${ours} here.`;
    throw new RedisSettingError(`${setting}.${name}`, HIDDEN, 'there is no such setting.', cure);
  }
}

function parseUrlKey(value: unknown, setting: string): RedisDraft {
  if (typeof value !== 'string') {
    throw new RedisSettingError(setting, describeValue(value), 'an address is a string.', "Write 'redis://host:6379'.");
  }
  return parseRedisUrl(value, setting);
}

function readPlace(draft: RedisDraft, input: Record<string, unknown>, setting: string): void {
  const ways = (['url', 'host', 'path', 'sentinels', 'cluster'] as const).filter((name) => isGiven(input[name]));
  if (ways.length > 1) {
    const shown = ways.map((name) => (name === 'url' ? `url "${redactUrl(String(input.url))}"` : name)).join(' and ');
    throw new RedisSettingError(
      setting,
      `an object with ${shown}`,
      'these say twice where Redis is.',
      `Keep one of ${ways.join(', ')}.`,
    );
  }
  if (
    isGiven(input.port) &&
    (isGiven(input.url) || isGiven(input.path) || isGiven(input.sentinels) || isGiven(input.cluster))
  ) {
    throw new RedisSettingError(
      `${setting}.port`,
      describeValue(input.port),
      `it goes only with host, not with ${ways[0]}.`,
      'Write the port into the address.',
    );
  }
  if (isGiven(input.sentinels)) {
    draft.mode = 'sentinel';
    draft.nodes = readNodes(input.sentinels, `${setting}.sentinels`, 26379);
  } else if (isGiven(input.cluster)) {
    draft.mode = 'cluster';
    draft.nodes = readNodes(input.cluster, `${setting}.cluster`, 6379);
  } else if (isGiven(input.path)) {
    if (typeof input.path !== 'string' || !input.path.startsWith('/')) {
      throw new RedisSettingError(
        `${setting}.path`,
        describeValue(input.path),
        'this is no absolute path.',
        "Write the path of Redis' Unix domain socket.",
      );
    }
    Object.assign(draft, { mode: 'single', nodes: [], socketPath: input.path } satisfies RedisDraft);
  } else if (isGiven(input.host) || isGiven(input.port)) {
    const host = isGiven(input.host) ? parseHost(input.host) : '127.0.0.1';
    if (host === undefined) {
      // An address that was put into `host` may hold a password.
      const shown = typeof input.host === 'string' ? `"${redactUrl(input.host)}"` : describeValue(input.host);
      throw new RedisSettingError(
        `${setting}.host`,
        shown,
        'this is neither a host name nor an address.',
        'Write the name alone; a whole address goes into url.',
      );
    }
    const port = isGiven(input.port) ? parsePort(input.port) : 6379;
    if (port === undefined)
      throw new RedisSettingError(
        `${setting}.port`,
        describeValue(input.port),
        'this is no port.',
        'Write a number from 1 to 65535.',
      );
    draft.mode = 'single';
    draft.nodes = [{ host, port }];
  }
  if (isGiven(input.name)) {
    if (draft.mode !== 'sentinel') {
      throw new RedisSettingError(
        `${setting}.name`,
        describeValue(input.name),
        'only Sentinels have a master name.',
        'Give sentinels as well, or leave name out.',
      );
    }
    draft.masterName = readText(input.name, `${setting}.name`, false);
  }
}

function readNodes(value: unknown, setting: string, defaultPort: number): RedisNode[] {
  const list = typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value;
  const cure = "Write [{ host: '10.0.0.1', port: 6379 }, …] or ['10.0.0.1:6379', …].";
  if (!Array.isArray(list) || list.length === 0) {
    throw new RedisSettingError(setting, describeValue(value), 'this is no list of nodes.', cure);
  }
  return list.map((item: unknown, index) => {
    const node = parseNode(item, defaultPort);
    if (node) return node;
    const shown = typeof item === 'string' ? `"${redactUrl(item)}"` : describeValue(item);
    throw new RedisSettingError(`${setting}[${index}]`, shown, 'this is no node.', cure);
  });
}

function readScalars(draft: RedisDraft, input: Record<string, unknown>, setting: string): void {
  for (const name of ['username', 'sentinelUsername', 'keyPrefix', 'channelPrefix', 'namespace'] as const) {
    if (isGiven(input[name])) draft[name] = readText(input[name], `${setting}.${name}`, false);
  }
  for (const name of ['password', 'sentinelPassword'] as const) {
    if (isGiven(input[name])) draft[name] = readText(input[name], `${setting}.${name}`, true);
  }
  if (isGiven(input.db)) {
    draft.db =
      parseDb(input.db) ??
      refuse(`${setting}.db`, input.db, 'this is no number of a database.', 'Write a whole number from 0.');
  }
  if (isGiven(input.family)) {
    draft.family =
      parseFamily(input.family) ??
      refuse(`${setting}.family`, input.family, 'this is no address family.', 'Write 0, 4 or 6.');
  }
  for (const name of ['connectTimeoutMs', 'commandTimeoutMs'] as const) {
    if (!isGiven(input[name])) continue;
    draft[name] =
      parseWhole(input[name], 50, 600_000) ??
      refuse(`${setting}.${name}`, input[name], 'this is no time.', 'Write milliseconds, from 50 to 600000.');
  }
}

function readNatMap(value: unknown, setting: string): Record<string, RedisNode> {
  const cure =
    "Write { '10.0.1.5:6379': { host: 'redis.example', port: 7001 }, … }, the announced address on the left.";
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RedisSettingError(
      setting,
      describeValue(value),
      'this is no map of addresses (a function cannot be handed to the primary).',
      cure,
    );
  }
  return Object.fromEntries(
    Object.entries(value).map(([announced, reached]: [string, unknown]) => {
      const node = parseNode(reached, 6379);
      if (node && /:[0-9]{1,5}$/.test(announced)) return [announced, node];
      throw new RedisSettingError(
        `${setting}[${JSON.stringify(announced)}]`,
        describeValue(reached),
        'this is no pair of addresses.',
        cure,
      );
    }),
  );
}

function refuse(setting: string, value: unknown, problem: string, cure: string): never {
  throw new RedisSettingError(setting, describeValue(value), problem, cure);
}
