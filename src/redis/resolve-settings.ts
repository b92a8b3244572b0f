import { describeDocument, describeValue, HIDDEN } from './describe';
import { RedisSettingError } from './errors';
import { isRecord } from './given-values';
import { parseRedisSetting } from './object-setting';
import { parseOldSettings } from './old-settings';
import { type RedisDocument, type RedisDraft, RedisSettings, type RedisTls } from './settings';
import { readTls } from './tls-material';
import { parseRedisUrl } from './url';

const CODE_SETTING = 'sails.config.flotilla.redis';
const DEFAULT_NAMESPACE = 'flotilla';
const DEFAULT_CONNECT_TIMEOUT_MS = 3000;
const DEFAULT_COMMAND_TIMEOUT_MS = 5000;

/** Where settings of Redis may come from. */
export interface RedisSources {
  /** `sails.config.flotilla.redis`, or the `redis` option of a function; `false` means no Redis whatever else is set. */
  code?: unknown;
  /** What the setting in code is called in messages; default `sails.config.flotilla.redis`. */
  codeName?: string;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
  /** `sails.config.sockets`, for the settings of sails-hook-sockets. */
  sockets?: unknown;
}

/**
 * The settings of Redis from the first source that says where Redis is: code, `FLOTILLA_REDIS_URL`, the settings of
 * sails-hook-sockets. The other `FLOTILLA_REDIS_…` variables and `FLOTILLA_NAMESPACE` fill in what that source leaves out.
 * @returns `undefined` where no source says where Redis is
 * @throws RedisSettingError `E_REDIS_SETTING`
 */
export function resolveRedisSettings(sources: RedisSources = {}): RedisSettings | undefined {
  const env = sources.env ?? process.env;
  if (sources.code === false) return undefined;
  const found = findSource(sources, env);
  if (!found) return undefined;
  const { draft, source } = found;
  fillFromEnvironment(draft, source, env);
  return finish(draft, source);
}

function findSource(sources: RedisSources, env: NodeJS.ProcessEnv): { draft: RedisDraft; source: string } | undefined {
  const codeName = sources.codeName ?? CODE_SETTING;
  const url = env.FLOTILLA_REDIS_URL;
  let extras: RedisDraft = {};
  if (sources.code !== undefined && sources.code !== null && sources.code !== '') {
    const draft = parseRedisSetting(sources.code, codeName);
    if (draft.mode !== undefined) {
      return { draft, source: hasUrl(sources.code) ? `${codeName}.url` : codeName };
    }
    // Code may hold only details, such as a namespace, and leave the address to the environment.
    extras = draft;
  }
  if (url) return { draft: { ...parseRedisUrl(url, 'FLOTILLA_REDIS_URL'), ...extras }, source: 'FLOTILLA_REDIS_URL' };
  const old = isRecord(sources.sockets) ? parseOldSettings(sources.sockets) : undefined;
  if (old) return { draft: { ...old.draft, ...extras }, source: old.source };
  if (Object.keys(extras).length > 0) {
    throw new RedisSettingError(
      codeName,
      describeValue(sources.code),
      'it does not say where Redis is.',
      'Add url (or host, sentinels, cluster), or set FLOTILLA_REDIS_URL, or remove the setting to run without Redis.',
    );
  }
  return undefined;
}

function hasUrl(value: unknown): boolean {
  return isRecord(value) && typeof value.url === 'string' && value.url !== '';
}

function fillFromEnvironment(draft: RedisDraft, source: string, env: NodeJS.ProcessEnv): void {
  draft.username ??= env.FLOTILLA_REDIS_USERNAME || undefined;
  draft.password ??= env.FLOTILLA_REDIS_PASSWORD || undefined;
  draft.sentinelUsername ??= env.FLOTILLA_REDIS_SENTINEL_USERNAME || undefined;
  draft.sentinelPassword ??= env.FLOTILLA_REDIS_SENTINEL_PASSWORD || undefined;
  if (draft.namespace === undefined && env.FLOTILLA_NAMESPACE) {
    draft.namespace = checkName(env.FLOTILLA_NAMESPACE, 'FLOTILLA_NAMESPACE');
  }

  if (draft.tls) {
    draft.tls = fillTls(draft.tls, env);
    return;
  }
  const idle = Object.values(TLS_NAMES).find((variable) => env[variable]);
  if (idle) {
    throw new RedisSettingError(
      idle,
      HIDDEN,
      `it is set, but the address in ${source} does not use TLS.`,
      `Write rediss:// in place of redis:// there, or remove ${idle}.`,
    );
  }
}

const TLS_NAMES = {
  ca: 'FLOTILLA_REDIS_CA',
  cert: 'FLOTILLA_REDIS_CERT',
  key: 'FLOTILLA_REDIS_KEY',
  servername: 'FLOTILLA_REDIS_SERVERNAME',
};

function fillTls(tls: RedisTls, env: NodeJS.ProcessEnv): RedisTls {
  const { FLOTILLA_REDIS_CA: ca, FLOTILLA_REDIS_CERT: cert, FLOTILLA_REDIS_KEY: key } = env;
  const fromEnvironment = readTls(
    {
      ca: tls.ca ? undefined : ca,
      ...(tls.cert ? {} : { cert, key }),
      servername: tls.servername ? undefined : env.FLOTILLA_REDIS_SERVERNAME,
    },
    'FLOTILLA_REDIS_TLS',
    TLS_NAMES,
  );
  return { ...fromEnvironment, ...tls };
}

function finish(draft: RedisDraft, source: string): RedisSettings {
  const namespace = draft.namespace ?? DEFAULT_NAMESPACE;
  const document: RedisDocument = {
    ...withoutUndefined(draft),
    mode: draft.mode ?? 'single',
    nodes: draft.nodes ?? [],
    db: draft.db ?? 0,
    namespace,
    keyPrefix: draft.keyPrefix ?? `${namespace}:`,
    channelPrefix: draft.channelPrefix ?? `${namespace}:`,
    connectTimeoutMs: draft.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    commandTimeoutMs: draft.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS,
    source,
  };
  const shown = `"${describeDocument(document)}"`;

  for (const name of ['namespace', 'keyPrefix', 'channelPrefix'] as const)
    checkName(document[name], `${source} (${name})`);
  if (document.mode === 'sentinel' && !document.masterName) {
    throw new RedisSettingError(
      source,
      shown,
      'the name of the master is missing.',
      'Add it: redis+sentinel://host:26379/mymaster, or name: "mymaster".',
    );
  }
  if (document.mode === 'cluster' && document.db !== 0) {
    throw new RedisSettingError(
      source,
      shown,
      `db is ${document.db}, but a Redis Cluster has only database 0.`,
      'Leave db out; FLOTILLA_NAMESPACE separates releases.',
    );
  }
  if (document.mode === 'single' && document.natMap) {
    throw new RedisSettingError(source, shown, 'natMap is only for Sentinel and Cluster.', 'Leave natMap out.');
  }
  if (
    document.mode !== 'sentinel' &&
    (document.sentinelPassword || document.sentinelUsername || document.sentinelTls !== undefined)
  ) {
    // The variables may be set for a whole environment: a password that nobody uses does no harm.
    delete document.sentinelPassword;
    delete document.sentinelUsername;
    delete document.sentinelTls;
  }
  if (document.username !== undefined && document.password === undefined) {
    throw new RedisSettingError(
      source,
      shown,
      `there is the user name ${describeValue(document.username)}, but no password.`,
      'Write user:password@ (or :password@ for the default user), or set FLOTILLA_REDIS_PASSWORD.',
    );
  }
  if (document.socketPath !== undefined && document.tls) {
    throw new RedisSettingError(source, shown, 'a Unix domain socket has no TLS.', 'Leave tls out.');
  }
  return RedisSettings.fromDocument(document, warningsFor(document, draft));
}

/** Braces would be taken for a hash tag by a cluster, spaces and control characters are a mistake. */
function checkName(value: string, setting: string): string {
  if (/^[A-Za-z0-9._:/-]{1,100}$/.test(value)) return value;
  throw new RedisSettingError(
    setting,
    describeValue(value),
    'a name or prefix is 1 to 100 of the characters A-Z a-z 0-9 . _ : / -',
    'Write a short one, such as shop-production.',
  );
}

function warningsFor(document: RedisDocument, draft: RedisDraft): string[] {
  const warnings: string[] = [];
  if (document.db !== 0 && draft.namespace === undefined && draft.channelPrefix === undefined) {
    warnings.push(
      `${document.source} sets database ${document.db}, but a database number does not separate the messages of two apps: ` +
        `publish and subscribe ignore it. If another release shares this Redis, set FLOTILLA_NAMESPACE to a name of its own in each.`,
    );
  }
  if (document.tls?.rejectUnauthorized === false) {
    warnings.push(
      `${document.source} sets tls.rejectUnauthorized to false: anybody on the way can pose as this Redis. Set FLOTILLA_REDIS_CA (tls.ca) to its certificate authority instead.`,
    );
  }
  return warnings;
}

function withoutUndefined(draft: RedisDraft): RedisDraft {
  return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined));
}
