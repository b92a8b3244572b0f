import { isIP } from 'node:net';
import type { RedisNode } from './settings';

const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/;

/** A whole number from `min` to `max`, also from a string of digits (environment, `.sailsrc`); else `undefined`. */
export function parseWhole(value: unknown, min: number, max: number): number | undefined {
  const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max ? number : undefined;
}

/** A TCP port. */
export function parsePort(value: unknown): number | undefined {
  return parseWhole(value, 1, 65535);
}

/** The number of a Redis database. */
export function parseDb(value: unknown): number | undefined {
  return parseWhole(value, 0, 999_999);
}

/** An address family as `dns.lookup` takes it. */
export function parseFamily(value: unknown): 0 | 4 | 6 | undefined {
  const number = parseWhole(value, 0, 6);
  return number === 0 || number === 4 || number === 6 ? number : undefined;
}

/** A host name or an IP address without brackets. */
export function parseHost(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const host = value.startsWith('[') && value.endsWith(']') ? value.slice(1, -1) : value;
  return isIP(host) !== 0 || HOST_NAME.test(host) ? host : undefined;
}

/** `host`, `host:port`, `[ipv6]:port`, an IPv6 address without a port, or `{ host, port }`. */
export function parseNode(value: unknown, defaultPort: number): RedisNode | undefined {
  if (typeof value === 'object' && value !== null) {
    const { host, port, ...others } = value as Record<string, unknown>;
    if (Object.keys(others).length > 0) return undefined;
    return nodeOf(host, port === undefined ? defaultPort : port);
  }
  if (typeof value !== 'string') return undefined;
  if (isIP(value) === 6) return { host: value, port: defaultPort };
  const match = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(value);
  return match ? nodeOf(match[1], match[2] ?? defaultPort) : undefined;
}

function nodeOf(hostValue: unknown, portValue: unknown): RedisNode | undefined {
  const host = parseHost(hostValue);
  const port = parsePort(portValue);
  return host === undefined || port === undefined ? undefined : { host, port };
}
