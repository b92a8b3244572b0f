import type { Connector } from './connector';
import { LocalSocketConnector } from './connector';
import { BusCounters } from './counters';
import type { BusLog, Fleet } from './fleet';
import { Hub } from './hub/hub';
import type { Identity } from './identity';
import { Member } from './member';
import { OwnHubConnector } from './own-hub-connector';

/** Options of {@link joinFleet}. */
export interface JoinFleetOptions {
  /** Who this process is; see `readIdentity()`. */
  identity: Identity;
  log: BusLog;
  /** `emitter` for a process that does not listen (`sails run`, `sails console`). Default `worker`. */
  role?: 'worker' | 'emitter';
}

/**
 * Joins the fleet: through the hub that `identity.hubPath` names, or, where none is named, with a hub of this process' own.
 * Returns at once; what is sent before the hub has answered is kept for it.
 */
export function joinFleet({ identity, log, role = 'worker' }: JoinFleetOptions): Fleet {
  const counters = new BusCounters(log);
  return new Member({ identity, role, log, counters, connector: chooseConnector(identity, log, counters) });
}

function chooseConnector(identity: Identity, log: BusLog, counters: BusCounters): Connector {
  if (identity.hubPath) return new LocalSocketConnector(identity.hubPath, counters);
  const hub = new Hub({ podTag: identity.pod, podName: identity.podName, log });
  return new OwnHubConnector(hub, counters);
}
