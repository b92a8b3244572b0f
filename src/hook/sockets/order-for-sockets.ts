import { inspect } from 'node:util';
import type { Callback } from '../../types/sails';
import { UnreachedSocketsError } from '../errors';
import type { HookRuntime } from '../runtime';
import { settleOrder } from './order-outcome';
import { allOf, type Order, orderByIds, orderLocal } from './orders';
import { parseSocket } from './parse-socket';

/** A socket, a virtual request or a socket id. */
export type SocketLike = unknown;

/** What `join` and `leave` do with one socket or several: local ones at once, others by their id. */
export function orderForSockets(
  runtime: HookRuntime,
  method: 'join' | 'leave',
  sockets: SocketLike | SocketLike[],
  room: string | string[],
  callback: Callback | undefined,
): Promise<true> {
  const order: Order = { verb: method, rooms: Array.isArray(room) ? room : [room] };
  const work: Array<Promise<void> | undefined> = [];
  const foreign: string[] = [];
  for (const one of Array.isArray(sockets) ? sockets : [sockets]) {
    if (typeof one === 'object' && one !== null) {
      const socket = parseSocket(one);
      if (socket) work.push(orderLocal(socket, order));
      else warnNoSocket(runtime, method, one);
      continue;
    }
    if (one === null) {
      warnNoSocket(runtime, method, one);
      continue;
    }
    const socket = runtime.io.sockets.sockets.get(one as string);
    if (socket) work.push(orderLocal(socket, order));
    else if (typeof one === 'string' && one !== '') foreign.push(one);
    else {
      warnNoSocket(runtime, method, one);
      const message = `${inspect(one)} is not the id of a socket`;
      work.push(Promise.reject(new UnreachedSocketsError('E_NO_SUCH_SOCKET', message, [String(one)], [])));
    }
  }
  if (foreign.length > 0) work.push(orderByIds(runtime, foreign, order));
  return settleOrder(runtime, `sails.sockets.${method}()`, allOf(work), callback);
}

function warnNoSocket(runtime: HookRuntime, method: string, value: unknown): void {
  runtime.app.log.warn(
    `\`sails.sockets.${method}()\` was called with something that is no socket (${inspect(value, { depth: -1 })}): it is skipped. ` +
      'Give a socket, a virtual request (check `req.isSocket`) or a socket id.',
  );
}
