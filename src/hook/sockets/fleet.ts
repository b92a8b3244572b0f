import type { FleetTable } from '../../bus/fleet';
import type { Callback } from '../../types/sails';
import { HookError } from '../errors';
import type { HookRuntime } from '../runtime';

/** Makes `sails.sockets.fleet()`. */
export function makeFleet(runtime: HookRuntime) {
  /**
   * The member table: every pod and worker, and which of them answers. Fails with `E_NOT_IN_FLEET` where a third-party
   * adapter is configured.
   */
  return function fleet(done?: Callback<FleetTable>): Promise<FleetTable> {
    const table = runtime.fleet
      ? runtime.fleet.table()
      : Promise.reject(
          new HookError(
            'E_NOT_IN_FLEET',
            'This process is in no fleet: remove `sails.config.sockets.adapter` (config/sockets.js) to join one.',
          ),
        );
    table.then(
      (value) => done && process.nextTick(done, undefined, value),
      (error) => done && process.nextTick(done, error),
    );
    return table;
  };
}
