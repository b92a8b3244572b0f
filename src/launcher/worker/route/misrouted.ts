import { type Owner, parseOwner } from '../../../bus/ids';

const SESSION_ID = /[?&]sid=([A-Za-z0-9_-]{20})(?:&|$)/;

/** A session, and the worker that its id names. */
export interface NamedSession {
  id: string;
  owner: Owner;
}

/** Says to which worker a request belongs. */
export class MisroutedCheck {
  readonly #prefix: string;

  /** @param socketPath Socket.IO's path */
  constructor(socketPath: string) {
    this.#prefix = `${socketPath.replace(/\/$/, '')}/`;
  }

  /** Whether the request begins a session. */
  isHandshake(url: string | undefined): boolean {
    if (!url?.startsWith(this.#prefix)) return false;
    const [path, query] = url.split('?', 2);
    return path === this.#prefix && query !== undefined && !/(?:^|&)sid=/.test(query);
  }

  /** The request's session and the worker that its id names, if it names one. */
  sessionOf(url: string | undefined): NamedSession | undefined {
    if (!url?.startsWith(this.#prefix)) return undefined;
    const id = SESSION_ID.exec(url)?.[1];
    const owner = id === undefined ? undefined : parseOwner(id);
    return id === undefined || owner === undefined ? undefined : { id, owner };
  }
}
