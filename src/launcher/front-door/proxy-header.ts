import { isIPv4, isIPv6 } from 'node:net';
import type { ClientAddress } from '../raw-handle';

/** A PROXY protocol header that was read. */
export interface ProxyHeader {
  /** How many bytes it has. */
  length: number;
  /** The client, where the proxy speaks for one; `undefined` for a connection of the proxy's own, such as a health check. */
  client: ClientAddress | undefined;
}

const V1_START = Buffer.from('PROXY ', 'latin1');
/** With its line end. */
const V1_LONGEST = 107;
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD = 16;
/** Proxies add some hundred bytes of their own at most; more is nobody's header. */
const V2_LONGEST = 4_096;
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/**
 * Reads the header, version 1 or 2, with which a proxy begins a connection
 * (haproxy.org/download/2.9/doc/proxy-protocol.txt).
 * @returns `incomplete` where more bytes are needed to tell
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  if (beginsAs(bytes, V1_START)) return bytes.length < V1_START.length ? 'incomplete' : readVersion1(bytes);
  if (beginsAs(bytes, V2_START)) return bytes.length < V2_HEAD ? 'incomplete' : readVersion2(bytes);
  return 'malformed';
}

/** Whether bytes, as far as there are any, are those of a start. */
function beginsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function readVersion1(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  const end = bytes.subarray(0, V1_LONGEST).indexOf(LINE_FEED);
  if (end === -1) return bytes.length < V1_LONGEST ? 'incomplete' : 'malformed';
  if (bytes[end - 1] !== CARRIAGE_RETURN) return 'malformed';
  const length = end + 1;
  const [family, source = '', destination = '', sourcePort, destinationPort, ...rest] = bytes
    .toString('latin1', V1_START.length, end - 1)
    .split(' ');
  // whatever follows is to be ignored
  if (family === 'UNKNOWN') return { length, client: undefined };
  const isOfFamily = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  const port = readPort(sourcePort);
  const isWhole = isOfFamily(source) && isOfFamily(destination) && rest.length === 0;
  if (!isWhole || port === undefined || readPort(destinationPort) === undefined) return 'malformed';
  return { length, client: { address: source, port, family: family === 'TCP4' ? 'IPv4' : 'IPv6' } };
}

function readPort(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

function readVersion2(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  const versionAndCommand = bytes.readUInt8(12);
  const length = V2_HEAD + bytes.readUInt16BE(14);
  const isProxied = versionAndCommand === 0x21;
  const isLocal = versionAndCommand === 0x20;
  if ((!isProxied && !isLocal) || length > V2_LONGEST) return 'malformed';
  if (bytes.length < length) return 'incomplete';
  const family = bytes.readUInt8(13) >> 4;
  if (isLocal || (family !== 1 && family !== 2)) return { length, client: undefined };
  const addressBytes = family === 1 ? 4 : 16;
  const addresses = bytes.subarray(V2_HEAD, length);
  if (addresses.length < 2 * addressBytes + 4) return 'malformed';
  const source = addresses.subarray(0, addressBytes);
  const port = addresses.readUInt16BE(2 * addressBytes);
  const client: ClientAddress =
    family === 1
      ? { address: source.join('.'), port, family: 'IPv4' }
      : { address: formatIPv6(source), port, family: 'IPv6' };
  return { length, client };
}

/** As the system writes it: the address of an IPv6 URL is in this form. */
function formatIPv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
