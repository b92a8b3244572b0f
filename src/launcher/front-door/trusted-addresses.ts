import { BlockList, isIP } from 'node:net';
import { LauncherError } from '../errors';

/** Addresses and networks whose word is taken. */
export class TrustedAddresses {
  readonly #list = new BlockList();

  /**
   * @param text addresses and networks in CIDR notation, separated by commas
   * @throws LauncherError `E_LAUNCH_SETTING`
   */
  static parse(text: string): TrustedAddresses {
    const trusted = new TrustedAddresses();
    for (const entry of text.split(',')) trusted.#add(entry.trim());
    return trusted;
  }

  includes(address: string): boolean {
    const family = isIP(address);
    // an IPv4 address in IPv6 form meets the IPv4 networks
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  #add(entry: string): void {
    const [address = '', bits, ...rest] = entry.split('/');
    const family = isIP(address);
    const longest = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (family === 0 || rest.length > 0 || !(prefix <= longest)) {
      throw new LauncherError(
        'E_LAUNCH_SETTING',
        `proxyProtocolFrom has ${JSON.stringify(entry)}, which is no address and no network: write the addresses of your proxies, such as 10.0.0.0/8,fd00::/8 (--proxy-protocol-from, FLOTILLA_PROXY_PROTOCOL_FROM).`,
      );
    }
    this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
}
