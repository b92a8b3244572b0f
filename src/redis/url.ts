import { redactUrl } from './describe';
import { RedisSettingError } from './errors';
import { parseDb, parseFamily, parseNode } from './scalars';
import type { RedisDraft, RedisMode } from './settings';

interface Scheme {
  mode: RedisMode;
  tls: boolean;
}

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['redis', { mode: 'single', tls: false }],
  ['rediss', { mode: 'single', tls: true }],
  ['redis+sentinel', { mode: 'sentinel', tls: false }],
  ['rediss+sentinel', { mode: 'sentinel', tls: true }],
  ['redis+cluster', { mode: 'cluster', tls: false }],
  ['rediss+cluster', { mode: 'cluster', tls: true }],
]);

const FORMS =
  'Write redis://user:password@host:6379/0, rediss://… for TLS, redis+sentinel://host:26379,host:26379/master-name, ' +
  'redis+cluster://host:6379,host:6379 or unix:///path/to/socket.';

const PARAMETERS = ['db', 'family', 'keyPrefix', 'channelPrefix', 'namespace', 'sentinelUsername', 'sentinelPassword'];

/**
 * Reads a Redis address. Several hosts, which the URL standard does not know, are separated by commas.
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function parseRedisUrl(text: string, setting: string): RedisDraft {
  const fail = (problem: string, cure: string): never => {
    throw new RedisSettingError(setting, `"${redactUrl(text)}"`, problem, cure);
  };

  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/.exec(text.trim());
  if (!match) return fail('this is no Redis address.', FORMS);
  const [, schemeName = '', authority = '', path = '', query = '', fragment] = match;
  if (schemeName.toLowerCase() === 'unix') return parseSocketUrl(path, query, setting, fail);

  const scheme = SCHEMES.get(schemeName.toLowerCase());
  if (!scheme) return fail(`the scheme "${schemeName}:" is not one of Redis.`, FORMS);
  if (fragment !== undefined || (!authority.includes('@') && `${path}?${query}`.includes('@'))) {
    fail(
      'the user name or password holds a character that ends the host part of a URL.',
      'Percent-encode it: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25.',
    );
  }

  const at = authority.lastIndexOf('@');
  const hosts = authority.slice(at + 1).split(',');
  if (scheme.mode === 'single' && hosts.length > 1) {
    fail(
      'several hosts need to say what they are.',
      'Use redis+sentinel:// (with the name of the master) or redis+cluster://.',
    );
  }
  const defaultPort = scheme.mode === 'sentinel' ? 26379 : 6379;
  const draft: RedisDraft = { mode: scheme.mode, ...(scheme.tls ? { tls: {} } : {}) };
  draft.nodes = hosts.map((host) => {
    const node = parseNode(decode(host, fail), defaultPort);
    return (
      node ??
      fail(
        'a host or a port is not well-formed.',
        `A host is a name or an address, a port a number from 1 to 65535. ${FORMS}`,
      )
    );
  });

  if (at >= 0) {
    const credentials = authority.slice(0, at);
    const colon = credentials.indexOf(':');
    const username = decode(colon < 0 ? credentials : credentials.slice(0, colon), fail);
    const password = colon < 0 ? '' : decode(credentials.slice(colon + 1), fail);
    if (username !== '') draft.username = username;
    if (password !== '') draft.password = password;
  }

  readPath(draft, path, fail);
  readQuery(draft, query, setting, fail);
  return draft;
}

type Fail = (problem: string, cure: string) => never;

function parseSocketUrl(path: string, query: string, setting: string, fail: Fail): RedisDraft {
  if (path.length < 2) fail('the path of the socket is missing.', 'Write unix:///path/to/socket, with three slashes.');
  const draft: RedisDraft = { mode: 'single', nodes: [], socketPath: decode(path, fail) };
  readQuery(draft, query, setting, fail);
  return draft;
}

function readPath(draft: RedisDraft, path: string, fail: Fail): void {
  const parts = path.split('/').filter((part) => part !== '');
  if (draft.mode === 'sentinel') {
    const master = parts.shift();
    if (master !== undefined) draft.masterName = decode(master, fail);
  }
  const db = parts.shift();
  if (db !== undefined)
    draft.db =
      parseDb(db) ??
      fail('the database is not a number.', 'Write it as the last part of the path, /0 for the first one.');
  if (parts.length > 0) fail('the path has too many parts.', FORMS);
}

function readQuery(draft: RedisDraft, query: string, setting: string, fail: Fail): void {
  for (const [name, value] of new URLSearchParams(query)) {
    switch (name) {
      case 'db':
        draft.db =
          parseDb(value) ?? fail('the parameter db is not a number from 0.', 'Write ?db=0 for the first database.');
        break;
      case 'family':
        draft.family =
          parseFamily(value) ?? fail('the parameter family is not 0, 4 or 6.', 'Write ?family=6 for IPv6 only.');
        break;
      case 'keyPrefix':
      case 'channelPrefix':
      case 'namespace':
      case 'sentinelUsername':
      case 'sentinelPassword':
        draft[name] = value;
        break;
      default:
        fail(
          `it has a parameter that ${setting} does not know.`,
          `The parameters are ${PARAMETERS.join(', ')}; TLS files go into FLOTILLA_REDIS_CA, FLOTILLA_REDIS_CERT and FLOTILLA_REDIS_KEY.`,
        );
    }
  }
}

function decode(text: string, fail: Fail): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('it holds a % that begins no percent-encoding.', 'Write % itself as %25.');
  }
}
