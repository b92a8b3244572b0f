import { inspect } from 'node:util';
import type { Socket } from 'socket.io';
import { SocketsNoSuchSocketError, SocketsUsageError } from '../errors';
import type { HookRuntime } from '../runtime';

/** Makes `sails.sockets.get()`. */
export function makeGet(runtime: HookRuntime) {
  /**
   * The socket with this id, if it is connected to this very process. Throws a usage error for what can't be an id,
   * and `SAILS:HOOK:SOCKETS:NO_SUCH_SOCKET` where there is no such socket here.
   */
  return function get(id: string): Socket {
    if (!id) throw new SocketsUsageError(`\`sails.sockets.get()\` needs a socket id, got ${inspect(id)}`);
    if (typeof id !== 'string' && typeof id !== 'number') {
      throw new SocketsUsageError(`\`sails.sockets.get()\` needs a socket id, got ${inspect(id, { depth: 0 })}`);
    }
    const socket = runtime.io.sockets.sockets.get(id);
    if (!socket) throw new SocketsNoSuchSocketError(`There is no socket with the id ${inspect(id)} in this process`);
    return socket;
  };
}
