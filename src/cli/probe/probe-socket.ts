import { io, type Socket } from 'socket.io-client';
import { PROBE_EVENT, PROBE_NAMESPACE, type ProbeIdentity } from '../../hook/probe/probe-namespace';
import { CommandError, EXIT } from '../exit-codes';

/** Where and how to connect. */
export interface ProbeTarget {
  url: string;
  path: string;
  origin: string | undefined;
  token: string;
}

/** A connection that can't be made now, and perhaps a moment later. */
export class ConnectionFailed extends Error {}

/** One socket in the probe's namespace. */
export class ProbeSocket {
  private constructor(
    private readonly socket: Socket,
    readonly identity: ProbeIdentity,
    /** How long the acknowledged round trip took, in milliseconds. */
    readonly roundTripMs: number,
  ) {}

  /**
   * Connects, asks who answers, and makes a round trip.
   * @throws ConnectionFailed where it may be worth another try, CommandError where it is not
   */
  static async connect(target: ProbeTarget, withinMs: number): Promise<ProbeSocket> {
    const socket = io(new URL(PROBE_NAMESPACE, target.url).href, {
      path: target.path,
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      timeout: withinMs,
      auth: { token: target.token },
      extraHeaders: target.origin === undefined ? {} : { origin: target.origin },
      query: { __sails_io_sdk_version: '1.2.1' },
    });
    try {
      await connected(socket, target);
      const acknowledged = socket.timeout(Math.max(1, withinMs));
      const identity: ProbeIdentity = await acknowledged.emitWithAck('whoami');
      const begun = performance.now();
      const text = `echo ${socket.id}`;
      const echo: unknown = await acknowledged.emitWithAck('echo', text);
      if (echo !== text) throw new ConnectionFailed('an echo came back changed');
      return new ProbeSocket(socket, identity, performance.now() - begun);
    } catch (error) {
      socket.close();
      if (error instanceof CommandError || error instanceof ConnectionFailed) throw error;
      throw new ConnectionFailed(`a message was not acknowledged: ${(error as Error).message}`);
    }
  }

  /** Joins a room; settles when the whole fleet knows. */
  async join(room: string, withinMs: number): Promise<void> {
    await this.socket.timeout(withinMs).emitWithAck('join', room);
  }

  async broadcast(room: string, data: string, withinMs: number): Promise<void> {
    await this.socket.timeout(withinMs).emitWithAck('broadcast', room, data);
  }

  /** Settles when this was received; rejects after that many milliseconds. */
  hears(data: string, withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`nothing came within ${withinMs} ms`)), withinMs);
      this.socket.on(PROBE_EVENT, (received: unknown) => {
        if (received !== data) return;
        clearTimeout(limit);
        resolve();
      });
    });
  }

  close(): void {
    this.socket.close();
  }
}

function connected(socket: Socket, { url, path, origin }: ProbeTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', (error: Error & { data?: { code?: string }; description?: unknown }) => {
      if (error.data?.code === 'E_PROBE_TOKEN') {
        reject(failure('The app has another FLOTILLA_PROBE_TOKEN than this command: give both the same.'));
      } else if (error.message === 'Invalid namespace') {
        reject(
          failure(
            `The app at ${url} does not serve ${PROBE_NAMESPACE}: start its pods with FLOTILLA_PROBE_TOKEN, and with this package as their sockets hook.`,
          ),
        );
      } else reject(new ConnectionFailed(reasonOf(error, path, origin)));
    });
  });
}

/** The client in Node has the words of the server, or of the system, deep within. */
function reasonOf(error: Error & { description?: unknown }, path: string, origin: string | undefined): string {
  const { message } = (error.description ?? {}) as { message?: string };
  const reason = message || error.message;
  if (!/\b(400|403|404)\b/.test(reason)) return reason;
  const cure = `Socket.IO is not at ${path} (--path), or does not allow ${origin === undefined ? 'clients without an origin (--origin)' : `the origin ${origin} (--origin)`}`;
  return `${reason}: ${cure}`;
}

/** What is wrong, for whoever ran the command. */
export function failure(message: string): CommandError {
  return new CommandError(EXIT.failure, 'E_PROBE', message);
}
