import { type Connector, LocalSocketConnector } from './connector';
import { BusCounters } from './counters';
import { ElectedConnector } from './election/elected-connector';
import type { BusLog, Fleet } from './fleet';
import { Hub, type LinkFactory } from './hub/hub';
import type { HubService } from './hub-services';
import { type Identity, podTagOf } from './identity';
import { Member } from './member';
import { OwnHubConnector } from './own-hub-connector';

/** Options of {@link joinFleet}. */
export interface JoinFleetOptions {
  /** Who this process is; see `readIdentity()`. */
  identity: Identity;
  log: BusLog;
  /** `emitter` for a process that does not listen (`sails run`, `sails console`). Default `worker`. */
  role?: 'worker' | 'emitter';
  /**
   * Where the workers of the app meet and elect one of them to hold the hub, when there is no primary of ours
   * (`identity.hubPath` is not set). See `findElectedHubPath()`.
   */
  electedHubPath?: string;
  /** Services of a hub that this process may come to hold. */
  services?: Record<string, HubService>;
  /** A larger message is refused where it is sent, with `E_MESSAGE_TOO_LARGE`. Default 16 MiB. */
  maxMessageBytes?: number;
  /** Connects a hub that this process may come to hold to those of other pods; see `createLink()`. */
  link?: LinkFactory;
}

/**
 * Joins the fleet: through the hub that `identity.hubPath` names; else through the one that the workers at
 * `electedHubPath` elect; else with a hub of this process' own.
 * Returns at once; what is sent before the hub has answered is kept for it.
 */
export function joinFleet(options: JoinFleetOptions): Fleet {
  const { log, role = 'worker' } = options;
  const identity = identify(options);
  const counters = new BusCounters(log);
  const { maxMessageBytes } = options;
  return new Member({
    identity,
    role,
    log,
    counters,
    maxMessageBytes,
    connector: chooseConnector({ ...options, identity }, counters),
  });
}

/** Workers that elect their hub share the pod tag of the place where they meet. */
function identify({ identity, electedHubPath }: JoinFleetOptions): Identity {
  if (identity.hubPath || !electedHubPath) return identity;
  return { ...identity, pod: podTagOf(electedHubPath) };
}

function chooseConnector(options: JoinFleetOptions, counters: BusCounters): Connector {
  const { identity, electedHubPath, log, services = {}, link, role } = options;
  const createHub = () => {
    const hub = new Hub({ podTag: identity.pod, podName: identity.podName, log, isPod: role !== 'emitter' });
    for (const [name, service] of Object.entries(services)) hub.offer(name, service);
    if (link) hub.connect(link);
    return hub;
  };
  if (identity.hubPath) return new LocalSocketConnector(identity.hubPath, counters);
  if (electedHubPath) return new ElectedConnector({ path: electedHubPath, createHub, counters, log });
  return new OwnHubConnector(createHub(), counters);
}
