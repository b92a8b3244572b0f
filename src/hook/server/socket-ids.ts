import type { Namespace, Server, Socket } from 'socket.io';
import type { Identity } from '../../bus/identity';
import { generateOwnedId } from '../../bus/ids';
import type { SailsLog } from '../../types/sails';

/** The private members of Socket.IO's `Namespace` that renaming needs. */
interface NamespaceInternals {
  _createSocket?: (client: { conn: { protocol: number } }, auth: unknown) => Promise<Socket>;
  _preConnectSockets?: unknown;
}

/**
 * Makes Engine.IO's session ids and Socket.IO's socket ids name this process.
 *
 * Engine.IO asks for its ids. Socket.IO draws its own for Engine.IO 4 clients: the id is replaced as soon as the
 * socket object exists, before the namespace files it under its id and before any middleware. A recovered socket keeps
 * its id; an Engine.IO 3 client knows its socket by the Engine.IO id, which names the process already.
 */
export function useOwnedIds(io: Server, identity: Identity, log: SailsLog): void {
  io.engine.generateId = () => generateOwnedId(identity);
  for (const namespace of io._nsps.values()) renameSocketsOf(namespace, identity, log);
  io.sockets.on(
    'new_namespace' as never,
    ((namespace: Namespace) => renameSocketsOf(namespace, identity, log)) as never,
  );
}

function renameSocketsOf(namespace: Namespace, identity: Identity, log: SailsLog): void {
  const internals = namespace as unknown as NamespaceInternals;
  const createSocket = internals._createSocket;
  if (typeof createSocket !== 'function' || !(internals._preConnectSockets instanceof Map)) {
    log.debug(
      `Flotilla: this version of Socket.IO does not let socket ids name their process (namespace ${namespace.name}).`,
    );
    return;
  }
  internals._createSocket = async (client, auth) => {
    const socket = await createSocket.call(namespace, client, auth);
    if (!socket.recovered && client.conn.protocol !== 3) {
      (socket as { id: string }).id = generateOwnedId(identity);
    }
    return socket;
  };
}
