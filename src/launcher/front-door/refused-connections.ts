import type { Logger } from '../logger';

/**
 * Why a connection got no worker. `no-worker`: none was ready in time. `full`: each has as many as it may. `address`: its
 * address has as many as it may. `proxy-header`: it came from a proxy, and did not begin with a PROXY protocol header.
 */
export type RefusalReason = 'no-worker' | 'full' | 'address' | 'proxy-header';

/** Refusals are counted; for each reason at most so often one is logged. */
const LOG_EVERY_MS = 60_000;

const WORDS: Record<RefusalReason, string> = {
  'no-worker': 'refused a connection: no worker was ready in time',
  full: 'refused a connection: every worker has as many as --max-connections (FLOTILLA_MAX_CONNECTIONS) allows. More workers or pods would help.',
  address:
    'refused a connection: its address has as many as --max-connections-per-address (FLOTILLA_MAX_CONNECTIONS_PER_ADDRESS) allows',
  'proxy-header':
    'refused a connection: it came from an address of --proxy-protocol-from (FLOTILLA_PROXY_PROTOCOL_FROM), and did not begin with a PROXY protocol header. Does the proxy send one?',
};

/** Counts the connections that the front door refuses. */
export class RefusedConnections {
  readonly counts = new Map<RefusalReason, number>();
  readonly #loggedAt = new Map<RefusalReason, number>();

  constructor(private readonly log: Logger) {
    for (const reason of Object.keys(WORDS) as RefusalReason[]) this.counts.set(reason, 0);
  }

  /** @param from the address it came from, where that matters */
  count(reason: RefusalReason, from?: string): void {
    const refused = (this.counts.get(reason) ?? 0) + 1;
    this.counts.set(reason, refused);
    const now = performance.now();
    const loggedAt = this.#loggedAt.get(reason);
    if (loggedAt !== undefined && now - loggedAt < LOG_EVERY_MS) return;
    this.#loggedAt.set(reason, now);
    this.log.warn({ reason, refused, ...(from === undefined ? {} : { from }) }, WORDS[reason]);
  }
}
