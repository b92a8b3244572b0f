import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer, type ServerOptions as TlsOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Server as OldestEngine } from 'engine.io-oldest';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import { createAdapter } from '../../dist/bus/create-adapter';

export interface LaneServerOptions {
  /** Ours, or Socket.IO's own in memory. */
  adapter: 'ours' | 'in memory';
  /** The Engine.IO that Socket.IO depends on, or the oldest that it may be used with. */
  engine?: 'current' | 'oldest';
  tls?: TlsOptions;
  /** Has streams with a timeout, which are never passed by. */
  throughStreams?: boolean;
  options?: Partial<ServerOptions>;
}

/** A Socket.IO server in this process. */
export interface LaneServer {
  io: Server;
  url: string;
  port: number;
  close(): Promise<void>;
}

export async function startLaneServer(settings: LaneServerOptions): Promise<LaneServer> {
  const { adapter, engine, tls, throughStreams, options } = settings;
  const http = tls ? createTlsServer(tls) : createServer();
  const fleetAdapter = adapter === 'ours' ? createAdapter() : undefined;
  const all: Partial<ServerOptions> = { ...options, allowEIO3: true, serveClient: false };
  if (fleetAdapter) all.adapter = fleetAdapter as unknown as ServerOptions['adapter'];
  const io = engine === 'oldest' ? new Server(all) : new Server(http, all);
  if (engine === 'oldest') {
    const oldest = new OldestEngine({ ...options, allowEIO3: true } as object);
    oldest.attach(http, { path: '/socket.io/' });
    io.bind(oldest);
  }
  if (throughStreams) io.engine.on('connection', ({ request }) => request.socket.setTimeout(STREAM_TIMEOUT_MS));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    io,
    port,
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    async close() {
      io.disconnectSockets(true);
      await io.close();
      if (http.listening) await new Promise((resolve) => http.close(resolve));
      await fleetAdapter?.fleet.close();
    },
  };
}

/** What the tests look at of Engine.IO's connection and what is below it. */
export interface Connection {
  id: string;
  protocol: number;
  readyState: string;
  writeBuffer: unknown[];
  transport: {
    name: string;
    writable: boolean;
    send(packets: unknown[]): void;
    socket: { _socket: import('node:net').Socket };
  };
  server: NodeJS.EventEmitter;
  on(event: string, listener: (...args: never[]) => void): void;
  once(event: string, listener: (...args: never[]) => void): void;
  close(discard?: boolean): void;
}

export function connectionOf(socket: Socket): Connection {
  return socket.conn as unknown as Connection;
}

const STREAM_TIMEOUT_MS = 3_600_000;
const WAIT_LIMIT_MS = 30_000;

/** Waits until something is so, a turn of the event loop at a time. */
export async function until(isSo: () => boolean, what: () => string = () => String(isSo)): Promise<void> {
  const end = performance.now() + WAIT_LIMIT_MS;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`Waited in vain: ${what()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
