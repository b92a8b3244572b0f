import sailsIo from 'sails.io.js';
import { io as connectClient4, type Socket as Socket4 } from 'socket.io-client';
import connectClient2 from 'socket.io-client-2';
import { createClient } from '../../../dist/client/index.js';
import { sailsIoOptionsFor4 } from './sails-io-on-client-4.js';

/** A virtual response as a client sees it. */
export interface Jwr {
  body: unknown;
  headers?: Record<string, string>;
  statusCode?: number;
  // biome-ignore lint/suspicious/noExplicitAny: parse errors carry more
  [field: string]: any;
}

/** What the tests do with a client, whichever it is. */
export interface Client {
  readonly kind: ClientKind;
  request(method: string, url: string, data?: unknown, headers?: Record<string, unknown>): Promise<Jwr>;
  // biome-ignore lint/suspicious/noExplicitAny: event data is whatever the test sent
  on(event: string, listener: (...args: any[]) => void): void;
  /** Settles with the data of the next event of that name. */
  // biome-ignore lint/suspicious/noExplicitAny: event data is whatever the test sent
  next(event: string): Promise<any>;
  /** Which transport carries it now. */
  transport(): string;
  close(): void;
}

export type ClientKind = 'sails.io.js' | 'sails.io.js on client 4' | 'our client' | 'client 4';
export const CLIENT_KINDS: ClientKind[] = ['sails.io.js', 'sails.io.js on client 4', 'our client', 'client 4'];
export type Transport = 'websocket' | 'polling';

export interface ClientOptions {
  transports?: Transport[];
  headers?: Record<string, string>;
  query?: Record<string, string>;
  reconnection?: boolean;
  /** Sails' SDK version in the query; `null` leaves it out. Only for the raw client. */
  sdkVersion?: string | null;
  tls?: boolean;
  upgrade?: boolean;
}

const open = new Set<Client>();

/** Connects a client; rejects when it is refused. */
export function connect(kind: ClientKind, url: string, options: ClientOptions = {}): Promise<Client> {
  return kind === 'client 4' ? connectRaw(url, options) : connectSailsIo(kind, url, options);
}

/** Closes what is still open. */
export function closeAll(): void {
  for (const client of open) client.close();
}

/** A plain socket.io-client 4 socket, not waited for. */
export function rawSocket(url: string, options: ClientOptions = {}): Socket4 {
  const sdkVersion = options.sdkVersion === undefined ? '1.2.1' : options.sdkVersion;
  return connectClient4(url, {
    forceNew: true,
    reconnection: options.reconnection ?? false,
    reconnectionDelay: 50,
    transports: options.transports ?? ['websocket'],
    upgrade: options.upgrade ?? true,
    extraHeaders: options.headers,
    rejectUnauthorized: false,
    query: { ...(sdkVersion === null ? {} : { __sails_io_sdk_version: sdkVersion }), ...options.query },
  });
}

function connectRaw(url: string, options: ClientOptions): Promise<Client> {
  const socket = rawSocket(url, options);
  const client: Client = {
    kind: 'client 4',
    request: (method, target, data, headers) =>
      new Promise((resolve) => socket.emit(method, { method, url: target, data, headers }, resolve)),
    on: (event, listener) => void socket.on(event, listener),
    next: (event) => new Promise((resolve) => socket.once(event, resolve)),
    transport: () => socket.io.engine.transport.name,
    close() {
      open.delete(client);
      socket.close();
    },
  };
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      open.add(client);
      resolve(client);
    });
    socket.once('connect_error', (error) => {
      socket.close();
      reject(error);
    });
  });
}

/** sails.io.js adds itself to the function it is given, once. */
function socketIoFor(kind: ClientKind) {
  if (kind !== 'sails.io.js') return sailsIoOptionsFor4(connectClient4);
  return Object.assign((...args: unknown[]) => connectClient2(...args), connectClient2);
}

function connectSailsIo(kind: ClientKind, url: string, options: ClientOptions): Promise<Client> {
  const io = kind === 'our client' ? createClient() : sailsIo(socketIoFor(kind));
  io.sails.autoConnect = false;
  io.sails.environment = 'production';
  const query = new URLSearchParams(options.query).toString();
  const socket = io.sails.connect(query ? `${url}?${query}` : url, {
    multiplex: false,
    reconnection: options.reconnection ?? false,
    reconnectionDelay: 50,
    transports: options.transports ?? ['websocket'],
    initialConnectionHeaders: options.headers,
    rejectUnauthorized: false,
  });
  const client: Client = {
    kind,
    request: (method, target, data, headers) =>
      new Promise((resolve) => {
        socket.request({ method, url: target, data, headers }, (_body: unknown, jwr: Jwr) => resolve(jwr));
      }),
    on: (event, listener) => void socket.on(event, listener),
    next: (event) =>
      new Promise((resolve) => {
        socket._raw.once(event, resolve);
      }),
    transport: () => socket._raw.io.engine.transport.name,
    close() {
      open.delete(client);
      if (socket._raw) socket._raw.close();
    },
  };
  return new Promise((resolve, reject) => {
    socket.on('connect', () => {
      open.add(client);
      resolve(client);
    });
    for (const event of ['connect_error', 'error']) {
      socket.on(event, (error: unknown) => {
        if (!socket.isConnected()) {
          socket._raw.close();
          reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
        }
      });
    }
  });
}
