import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { AccessToken } from '../../bus/secrets';

/**
 * What a path asks for. `open`: probes and metrics. `page`: what a browser is sent to. `read`: what is shown on it.
 * `act`: what changes something.
 */
export type AccessKind = 'open' | 'page' | 'read' | 'act';

/** Decides who may do what. */
export class Access {
  readonly #token: AccessToken;

  /** @param isLoopback whether only this machine reaches the server */
  constructor(
    token: string,
    private readonly isLoopback: boolean,
  ) {
    this.#token = new AccessToken(token);
  }

  /** Whether a request may go on. */
  allows(request: IncomingMessage, kind: AccessKind): boolean {
    if (kind === 'open') return true;
    if (this.#hasToken(request)) return kind !== 'act' || !comesFromAnotherSite(request);
    // a page elsewhere must not read what this machine shows, by giving a name of its own this machine's address
    return kind !== 'act' && this.isLoopback && namesLoopback(request.headers.host);
  }

  /** Bearer, or Basic with the token as password, which browsers can ask people for. */
  #hasToken(request: IncomingMessage): boolean {
    const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ', 2);
    if (/^bearer$/i.test(scheme)) return this.#token.is(credentials);
    if (!/^basic$/i.test(scheme)) return false;
    const decoded = Buffer.from(credentials, 'base64').toString();
    return this.#token.is(decoded.slice(decoded.indexOf(':') + 1));
  }
}

/** Whether an address is reached from this machine only. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

/** Browsers send a password that they know with requests of other sites, too. */
function comesFromAnotherSite(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  const { origin, host } = request.headers;
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host;
}

function namesLoopback(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || (isIP(name) !== 0 && isLoopbackAddress(name));
}
