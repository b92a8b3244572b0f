import type { Callback } from '../../types/sails';
import type { HookRuntime } from '../runtime';

/**
 * Lets an order end in a callback as well as in a promise. Work that is done already calls back at once, as
 * sails-hook-sockets does. The promise never becomes an unhandled rejection: a failure that nobody was told of is
 * counted and logged.
 */
export function settleOrder(
  runtime: HookRuntime,
  what: string,
  work: Promise<void> | undefined,
  callback: Callback | undefined,
): Promise<true> {
  if (!work) {
    callback?.();
    return Promise.resolve(true);
  }
  runtime.orders.add(work);
  const outcome = work.then(() => true as const);
  outcome.then(
    () => callAway(callback),
    (error) => {
      if (callback) {
        callAway(callback, error);
        return;
      }
      runtime.counters.failedOrders += 1;
      runtime.app.log.verbose(`Flotilla: ${what} failed and nobody was waiting for it:`, error);
    },
  );
  return outcome;
}

/** Calls back outside of the promise, so that what the callback throws is not taken for a failure of the order. */
function callAway(callback: Callback | undefined, error?: unknown): void {
  if (!callback) return;
  process.nextTick(() => (error === undefined ? callback() : callback(error)));
}
