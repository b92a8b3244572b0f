import type { Namespace } from 'socket.io';

const LEARNED = 'flotilla:admin-session';
const IS_KNOWN = 'flotilla:is-admin-session';
const LIFETIME_MS = 24 * 60 * 60 * 1_000;
const MOST = 1_000;

/** What of a namespace reaches the other servers; untyped, as the events here are our own. */
interface ServerSide {
  on(event: string, listener: (...args: unknown[]) => void): void;
  serverSideEmit(event: string, ...args: unknown[]): boolean;
  serverSideEmitWithAck(event: string, ...args: unknown[]): Promise<unknown[]>;
}

/**
 * The sessions of the Admin UI, by which it comes back without its password: the store that `instrument()` takes. Its own
 * one in memory knows the sessions of one process, and the one for Redis needs a client of node-redis 3; this one asks the
 * rest of the fleet, so any worker takes the session of another. A session ends with the last worker that knows it.
 */
export class AdminSessions {
  /** Until when each is good. */
  readonly #known = new Map<string, number>();
  readonly #others: ServerSide;

  constructor(namespace: Namespace) {
    this.#others = namespace as unknown as ServerSide;
    this.#others.on(LEARNED, (id) => this.#remember(id));
    this.#others.on(IS_KNOWN, (id, answer) => {
      if (typeof answer === 'function') answer(this.#isKnown(id));
    });
  }

  saveSession(id: string): void {
    this.#remember(id);
    this.#others.serverSideEmit(LEARNED, id);
  }

  async doesSessionExist(id: unknown): Promise<boolean> {
    if (typeof id !== 'string') return false;
    if (this.#isKnown(id)) return true;
    const answers = await this.#others
      .serverSideEmitWithAck(IS_KNOWN, id)
      // what came counts, whoever is silent
      .catch((error: { responses?: unknown[] }) => error.responses ?? []);
    if (!answers.includes(true)) return false;
    this.#remember(id);
    return true;
  }

  #isKnown(id: unknown): boolean {
    return typeof id === 'string' && (this.#known.get(id) ?? 0) > Date.now();
  }

  #remember(id: unknown): void {
    if (typeof id !== 'string') return;
    this.#known.set(id, Date.now() + LIFETIME_MS);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest);
  }
}
