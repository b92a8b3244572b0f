import { inspect } from 'node:util';
import type { FleetAdapterExtras } from '../../bus/fleet';
import type { Callback } from '../../types/sails';
import { SocketsUsageError } from '../errors';
import type { HookRuntime } from '../runtime';
import { digestOfSession } from '../session/session-digest';

/** Options of `sails.sockets.disconnectSession()`. */
export interface DisconnectSessionOptions {
  /**
   * Whether the clients may come back by themselves, with the cookie that they have then. Default `false`: Socket.IO
   * clients stay away until they are told to connect.
   */
  reconnect?: boolean;
}

/** An event between servers; the id is a secret and travels as a digest. */
const EVENT = 'flotilla:disconnect-session';

/** Makes `sails.sockets.disconnectSession()`. */
export function makeDisconnectSession(runtime: HookRuntime) {
  const disconnectHere = (digest: string, reconnect: boolean): number => {
    const sockets = runtime.sessions.socketsOf((id) => digestOfSession(id) === digest);
    for (const socket of sockets) {
      (socket.nsp.adapter as Partial<FleetAdapterExtras>).forgetState?.(socket.id);
      if (reconnect) socket.conn.close();
      else socket.disconnect(true);
    }
    // Nor may a client of the session that is away just now come back as if nothing had been.
    runtime.fleet?.call('fleet', 'forgetSessions', [`${digest}:`]).catch(() => {
      runtime.counters.failedOrders += 1;
    });
    return sockets.length;
  };
  runtime.io.sockets.on(
    EVENT as never,
    ((digest: string, reconnect: boolean, answer: (count: number) => void) => {
      answer(disconnectHere(digest, reconnect));
    }) as never,
  );

  /**
   * Ends every socket of a session, on whichever worker and pod it is, e.g. at a logout over HTTP.
   * @param session the session's id, or a request that has it (`req.sessionID`)
   * @param done called with the number of sockets that were disconnected
   * @returns a promise of that number
   */
  return function disconnectSession(
    session: unknown,
    optionsOrDone?: DisconnectSessionOptions | Callback<number>,
    callback?: Callback<number>,
  ): Promise<number> {
    const done = typeof optionsOrDone === 'function' ? optionsOrDone : callback;
    const reconnect = typeof optionsOrDone === 'object' && optionsOrDone.reconnect === true;
    const outcome = everywhere(session, reconnect);
    outcome.then(
      (count) => done && process.nextTick(done, undefined, count),
      (error) => {
        if (done) process.nextTick(done, error);
        else runtime.counters.failedOrders += 1;
      },
    );
    return outcome;
  };

  async function everywhere(session: unknown, reconnect: boolean): Promise<number> {
    const digest = digestOfSession(sessionIdOf(session));
    const own = disconnectHere(digest, reconnect);
    const others = (await runtime.io.serverSideEmitWithAck(EVENT, digest, reconnect)) as number[];
    return others.reduce((sum, count) => sum + count, own);
  }
}

function sessionIdOf(session: unknown): string {
  const id = typeof session === 'object' && session !== null ? (session as { sessionID?: unknown }).sessionID : session;
  if (typeof id === 'string' && id !== '') return id;
  throw new SocketsUsageError(
    `\`sails.sockets.disconnectSession()\` needs the id of a session or a request that has one, got ${inspect(session, { depth: -1 })}`,
  );
}
