import type { Namespace, Socket } from 'socket.io';
import type { FleetAdapterExtras, SocketTarget } from '../../bus/fleet';
import { UnreachedSocketsError } from '../errors';
import type { HookRuntime } from '../runtime';

/** What happens to sockets: they join rooms, leave some, or leave all. */
export type Order = { verb: 'join' | 'leave'; rooms: string[] } | { verb: 'leaveAll' };

/** Whether the adapter is the fleet's own, which confirms orders. */
function asFleetAdapter(namespace: Namespace): FleetAdapterExtras | undefined {
  const adapter = namespace.adapter as unknown as Partial<FleetAdapterExtras>;
  return typeof adapter.joinAnywhere === 'function' ? (adapter as FleetAdapterExtras) : undefined;
}

/** Carries out an order for a socket of this process. Returns a promise where it takes more than this tick. */
export function orderLocal(socket: Socket, order: Order): Promise<void> | undefined {
  if (order.verb === 'join') return asPromise(socket.join(order.rooms));
  const rooms = order.verb === 'leave' ? order.rooms : [...socket.rooms].filter((room) => room !== socket.id);
  return allOf(rooms.map((room) => asPromise(socket.leave(room))));
}

/** Carries out an order for sockets elsewhere, by id. Rejects with {@link UnreachedSocketsError} naming those not found. */
export async function orderByIds(runtime: HookRuntime, ids: string[], order: Order): Promise<void> {
  const namespace = runtime.io.sockets;
  const outcomes = await Promise.all(
    ids.map((id) => orderAnywhere(runtime, namespace, { rooms: [id], ids: [id] }, order)),
  );
  const missed = ids.filter((_, index) => outcomes[index]?.matched === 0);
  if (missed.length === 0) return;
  const silent = [...new Set(outcomes.flatMap((outcome) => outcome.silent))];
  const list = missed.map((id) => `"${id}"`).join(', ');
  if (silent.length > 0) {
    const message = `No answer about the socket ${list}: ${silent.join(', ')} did not answer in time`;
    throw new UnreachedSocketsError('E_FLEET_SILENT', message, missed, silent);
  }
  throw new UnreachedSocketsError('E_NO_SUCH_SOCKET', `No worker has a socket with the id ${list}`, missed, []);
}

/** Carries out an order for every member of a room, wherever it is; a room without members is no error. */
export async function orderByRoom(runtime: HookRuntime, room: string, order: Order): Promise<void> {
  await orderAnywhere(runtime, runtime.io.sockets, { rooms: [room] }, order);
}

async function orderAnywhere(
  runtime: HookRuntime,
  namespace: Namespace,
  target: SocketTarget,
  order: Order,
): Promise<{ matched: number; silent: string[] }> {
  const adapter = asFleetAdapter(namespace);
  if (adapter) {
    if (order.verb === 'join') return adapter.joinAnywhere(target, order.rooms);
    if (order.verb === 'leave') return adapter.leaveAnywhere(target, order.rooms);
    return adapter.leaveAllAnywhere(target);
  }
  if (runtime.adminBus) {
    runtime.adminBus.announce(order, target.rooms[0] as string);
    orderLocalMembers(namespace, target.rooms[0] as string, order);
    // The question also gives the other processes the time to act before the callback.
    const found = await namespace.in(target.rooms).fetchSockets();
    return { matched: found.length, silent: [] };
  }
  const sockets = namespace.in(target.rooms);
  const found = await sockets.fetchSockets();
  if (order.verb === 'join') namespace.in(target.rooms).socketsJoin(order.rooms);
  else if (order.verb === 'leave') namespace.in(target.rooms).socketsLeave(order.rooms);
  else {
    for (const socket of found) {
      for (const room of socket.rooms) if (room !== socket.id) socket.leave(room);
    }
  }
  return { matched: found.length, silent: [] };
}

/** Carries out an order for the members of a room in this process. */
export function orderLocalMembers(namespace: Namespace, room: string, order: Order): Promise<void> | undefined {
  const members = [...(namespace.adapter.rooms.get(room) ?? [])];
  return allOf(
    members.map((id) => {
      const socket = namespace.sockets.get(id);
      return socket && orderLocal(socket, order);
    }),
  );
}

/** Waits for all of these; `undefined` when there is nothing to wait for. */
export function allOf(work: Array<Promise<void> | undefined>): Promise<void> | undefined {
  const open = work.filter((one) => one !== undefined);
  return open.length > 0 ? Promise.all(open).then(() => undefined) : undefined;
}

function asPromise(result: Promise<void> | void): Promise<void> | undefined {
  return result instanceof Promise ? result : undefined;
}
