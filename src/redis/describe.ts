import type { RedisDocument, RedisNode } from './settings';

/** Stands for a secret wherever a setting is printed. */
export const HIDDEN = '***';

const PLAIN_HOST = /^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/;

/**
 * A URL as somebody wrote it, with everything that could be a secret hidden. Made for URLs that could not be parsed:
 * what does not look like a host, a port, a path of plain words or the name of a parameter is hidden.
 */
export function redactUrl(text: string): string {
  const schemeEnd = text.indexOf('://');
  if (schemeEnd < 0 || !/^[A-Za-z][A-Za-z0-9+.-]*$/.test(text.slice(0, schemeEnd))) {
    return text.includes('@') || text.includes('/') ? HIDDEN : redactHost(text);
  }
  const scheme = text.slice(0, schemeEnd);
  let rest = text.slice(schemeEnd + 3);
  const at = rest.lastIndexOf('@');
  const credentials = at < 0 ? '' : `${HIDDEN}@`;
  rest = rest.slice(at + 1);

  const [beforeQuery = '', query] = splitOnce(rest, '?');
  const [authority = '', path] = splitOnce(beforeQuery, '/');
  const hosts = authority.split(',').map(redactHost).join(',');
  const shownPath = path === undefined ? '' : /^[A-Za-z0-9._/-]*$/.test(path) ? `/${path}` : `/${HIDDEN}`;
  const shownQuery = query === undefined ? '' : `?${query.split('&').map(redactParameter).join('&')}`;
  return `${scheme}://${credentials}${hosts}${shownPath}${shownQuery}`;
}

function redactHost(text: string): string {
  if (text === '') return '';
  const match = PLAIN_HOST.exec(text);
  if (!match) return HIDDEN;
  const port = match[2];
  return port !== undefined && (Number(port) < 1 || Number(port) > 65535) ? `${match[1]}:${HIDDEN}` : text;
}

function redactParameter(text: string): string {
  const [name = ''] = splitOnce(text, '=');
  return /^[A-Za-z]{1,32}$/.test(name) ? `${name}=${HIDDEN}` : HIDDEN;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

/** One line that says where these settings lead: a URL with its secrets hidden. */
export function describeDocument(document: RedisDocument): string {
  if (document.socketPath !== undefined)
    return `unix://${document.socketPath}${document.db ? `?db=${document.db}` : ''}`;
  const kind = document.mode === 'single' ? '' : `+${document.mode}`;
  const scheme = `redis${document.tls ? 's' : ''}${kind}`;
  const master = document.masterName === undefined ? '' : `/${document.masterName}`;
  const db = document.mode === 'cluster' || document.db === 0 ? '' : `/${document.db}`;
  return `${scheme}://${describeCredentials(document)}${document.nodes.map(describeNode).join(',')}${master}${db}`;
}

function describeCredentials({ username, password }: RedisDocument): string {
  if (password === undefined) return username === undefined ? '' : `${encodeURIComponent(username)}@`;
  return `${username === undefined ? '' : encodeURIComponent(username)}:${HIDDEN}@`;
}

/** `host:port`, with brackets around an IPv6 address. */
export function describeNode({ host, port }: RedisNode): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A value of a setting that is no secret, in a printable and short form. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) {
    return String(value);
  }
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (Buffer.isBuffer(value)) return `a buffer of ${value.length} bytes`;
  return typeof value === 'object'
    ? `an object with ${Object.keys(value).join(', ') || 'no keys'}`
    : `a ${typeof value}`;
}
