import { type Owner, parseOwner } from '../../../bus/ids';

const SESSION_ID = /[?&]sid=([A-Za-z0-9_-]{20})(?:&|$)/;

/** A session that another worker has. */
export interface ForeignSession {
  id: string;
  owner: Owner;
}

/** Says to which worker a request belongs. */
export class MisroutedCheck {
  readonly #prefix: string;

  /**
   * @param self this worker
   * @param socketPath Socket.IO's path
   */
  constructor(
    private readonly self: Owner,
    socketPath: string,
  ) {
    this.#prefix = `${socketPath.replace(/\/$/, '')}/`;
  }

  /** The request's session and the worker that its id names, if that is another one. */
  foreignSession(url: string | undefined): ForeignSession | undefined {
    if (!url?.startsWith(this.#prefix)) return undefined;
    const id = SESSION_ID.exec(url)?.[1];
    const owner = id === undefined ? undefined : parseOwner(id);
    if (id === undefined || owner === undefined) return undefined;
    return owner.pod === this.self.pod && owner.worker === this.self.worker ? undefined : { id, owner };
  }
}
