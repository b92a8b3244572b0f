import { type Owner, parseOwner } from '../../../bus/ids';

const SESSION_ID = /[?&]sid=([A-Za-z0-9_-]{20})(?:&|$)/;

/** Says to which worker of this pod a request belongs. */
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

  /** The tag of another worker of this pod to which the request's session belongs, if it belongs to one. */
  ownerOf(url: string | undefined): string | undefined {
    if (!url?.startsWith(this.#prefix)) return undefined;
    const id = SESSION_ID.exec(url)?.[1];
    const owner = id === undefined ? undefined : parseOwner(id);
    if (owner?.pod !== this.self.pod || owner.worker === this.self.worker) return undefined;
    return owner.worker;
  }
}
