import type { Socket } from 'socket.io';
import type { FleetAdapterExtras } from '../../bus/fleet';
import type { HookRuntime } from '../runtime';

/**
 * Calls back when nothing can fall between the joins that a request made and the broadcasts that follow its response:
 * at once when there are none, else when every worker and pod knows of them, at most after `holdResponseMs`.
 * Joins of other requests that began meanwhile are waited for too.
 */
export function afterJoins(runtime: HookRuntime, socket: Socket, joinsBefore: number, send: () => void): void {
  const adapter = socket.nsp.adapter as Partial<FleetAdapterExtras>;
  const ownJoins = adapter.pendingJoins?.(socket.id);
  const orders = runtime.orders.openSince(joinsBefore);
  const { holdResponseMs } = runtime.settings;
  if ((!ownJoins && !orders) || holdResponseMs === 0) {
    send();
    return;
  }
  runtime.counters.heldResponses += 1;
  let sent = false;
  const sendOnce = () => {
    if (sent) return;
    sent = true;
    clearTimeout(limit);
    send();
  };
  const limit = setTimeout(() => {
    runtime.counters.heldTooLong += 1;
    runtime.app.log.warn(
      `Flotilla: a virtual response was held for ${holdResponseMs} ms and its joins are still not confirmed.`,
    );
    sendOnce();
  }, holdResponseMs);
  Promise.all([ownJoins, orders]).then(sendOnce, sendOnce);
}
