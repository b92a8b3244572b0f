import { isIPv6 } from 'node:net';

const GROUPS_OF_A_NETWORK = 4;

/**
 * What counts as one address: of IPv6 a network of 64 bits, since whoever has one address of it usually has them all. An IPv4
 * address in IPv6 form is the same as in its own.
 */
export function addressKey(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  const [start = '', end] = address.split('::');
  const groups = start === '' ? [] : start.split(':');
  if (end !== undefined) {
    const last = end === '' ? [] : end.split(':');
    while (groups.length + last.length < 8) groups.push('0');
    groups.push(...last);
  }
  return `${groups.slice(0, GROUPS_OF_A_NETWORK).join(':')}::/64`;
}
