import type { BusLog, Fleet } from '../bus/fleet';
import { joinFleet } from '../bus/join-fleet';
import type { SailsLog } from '../types/sails';
import type { HookRuntime } from './runtime';

/** Joins the fleet: through the hub of our primary where there is one, else alone. */
export function joinFleetOf(runtime: HookRuntime): Fleet {
  const fleet = joinFleet({ identity: runtime.identity, log: busLogOf(runtime.app.log) });
  runtime.fleet = fleet;
  runtime.cleanups.push(() => fleet.close());
  return fleet;
}

function busLogOf(log: SailsLog): BusLog {
  return {
    debug: (message) => log.verbose(message),
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    error: (message) => log.error(message),
  };
}
