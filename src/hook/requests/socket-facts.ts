import type { Socket } from 'socket.io';
import type { SailsApp } from '../../types/sails';
import type { ClientAddress } from '../connection/client-address';
import { readSdkMetadata, speaksVirtualRequests } from '../connection/sdk-metadata';
import { wantsNoSession } from '../session/socket-sessions';
import type { CookieValues } from './virtual-request';

type CookieParser = (request: object, response: object, next: () => void) => void;

/** Headers that a message can't set. */
interface FixedHeaders {
  host: string | undefined;
  cookie: string | undefined;
  nosession: string | undefined;
  origin: string | undefined;
}

/** What all requests of one socket have in common, worked out once. */
export class SocketFacts {
  readonly ip: string;
  readonly ips: readonly string[];
  readonly sdkVersion: string;
  readonly speaksVirtualRequests: boolean;
  readonly #nosession: string | undefined;
  #parsed: { header: string | undefined; values: CookieValues } | undefined;

  constructor(
    private readonly app: SailsApp,
    private readonly socket: Socket,
    address: ClientAddress,
  ) {
    this.ip = address.ip;
    this.ips = address.ips;
    this.sdkVersion = readSdkMetadata(socket.handshake).version;
    this.speaksVirtualRequests = speaksVirtualRequests(this.sdkVersion);
    this.#nosession = wantsNoSession(socket.request) ? 'true' : undefined;
  }

  /** Cookie and origin are those of the handshake, which changes on this side only. */
  fixedHeaders(): FixedHeaders {
    const { cookie, origin } = this.socket.handshake.headers;
    return { host: this.app.config.host, cookie, nosession: this.#nosession, origin };
  }

  /** A cookie header as core's cookie parser reads it; parsed, and its signatures checked, once per header. */
  cookiesOf(header: string | undefined): CookieValues {
    if (!this.#parsed || this.#parsed.header !== header) this.#parsed = { header, values: this.#parse(header) };
    const { secret, cookies, signedCookies } = this.#parsed.values;
    return { secret, cookies: copyOf(cookies), signedCookies: copyOf(signedCookies) };
  }

  #parse(header: string | undefined): CookieValues {
    const { _privateCpMware: parse } = this.app as SailsApp & { _privateCpMware?: CookieParser };
    const request: Partial<CookieValues> & { headers: object } = { headers: { cookie: header } };
    parse?.(request, {}, () => undefined);
    const { secret, cookies = {}, signedCookies = {} } = request;
    return { secret, cookies, signedCookies };
  }
}

/** A request may change its cookies; one that holds JSON is an object. */
function copyOf(values: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values)) {
    copy[name] = typeof value === 'object' ? structuredClone(value) : value;
  }
  return copy;
}
