import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import type { RecoverySettings } from '../../bus/recovery/settings';
import type { Callback, SessionData } from '../../types/sails';

/** What a `beforeConnect` function receives: the client's first HTTP request, as Engine.IO prepared it. */
export type HandshakeRequest = IncomingMessage & { _query: Record<string, string | undefined> };

/** Decides about a connection: calls `done(error, allow)`, or returns (a promise of) `true` or `false`. */
export type BeforeConnect = (handshake: HandshakeRequest, done: Callback<boolean>) => unknown;

/** Runs after a socket has gone; the session is saved once it calls `done`, or its promise settles. */
export type AfterDisconnect = (session: SessionData, socket: Socket, done: Callback) => unknown;

/** What `io.adapter()` takes. */
export type AdapterConstructor = NonNullable<Parameters<Server['adapter']>[0]>;

/** Makes an adapter constructor from options, as `socket.io-redis` and its like do. */
export type AdapterFactory = (options: AdapterOptions) => AdapterConstructor;

/** A Redis client of the app's own, ioredis or node_redis 2/3, as third-party adapters take it. */
export interface ForeignRedisClient {
  publish(channel: string, message: string): unknown;
  subscribe(channel: string, done: (error?: unknown) => void): unknown;
  on(event: string, listener: (...values: unknown[]) => void): unknown;
}

/** Options for a third-party adapter, handed to it as they are. */
export interface AdapterOptions {
  url?: string;
  host?: string;
  port?: number;
  user?: string;
  pass?: string;
  db?: number;
  /** Path of a Unix domain socket. */
  socket?: string;
  /** TLS options, e.g. `{ ca }`; `rediss://` in `url` switches TLS on without them. */
  tls?: unknown;
  /** Prefix of the channels. */
  key?: string;
  pubClient?: ForeignRedisClient;
  subClient?: ForeignRedisClient;
  onRedisDisconnect?: () => void;
  onRedisReconnect?: () => void;
  [option: string]: unknown;
}

/** `sails.config.sockets`: the settings of sails-hook-sockets 3.0.2. */
export interface SocketsSettings extends AdapterOptions {
  /** A third-party Socket.IO adapter: the name of a package in the app, or an adapter constructor. Default: the fleet. */
  adapter?: string | AdapterConstructor | null;
  /** The module named by `adapter`, already required. */
  adapterModule?: AdapterFactory | { createAdapter: AdapterFactory };
  adapterOptions: AdapterOptions;
  adminAdapterOptions: AdapterOptions;
  adminPubClient?: ForeignRedisClient;
  adminSubClient?: ForeignRedisClient;
  /** Whether virtual responses carry headers. Default true. */
  sendResponseHeaders: boolean;
  /** Whether virtual responses carry the status code. Default true. */
  sendStatusCode: boolean;
  /** Whether `GET /__getcookie` exists. Default true. */
  grant3rdPartyCookie: boolean;
  /** Where Socket.IO listens. Default `/socket.io`. */
  path: string;
  /** Whether `<path>/socket.io.js` is served. Default false. */
  serveClient: boolean;
  /**
   * Whether clients that come back get their socket and what they have missed (docs/delivery.md), with what bounds. Default:
   * on under the launcher, else `false`.
   */
  connectionStateRecovery?: boolean | Partial<RecoverySettings>;
  /** Milliseconds without a pong until a connection counts as closed. Default 60000. */
  pingTimeout: number;
  /** Milliseconds between pings. Default 25000. */
  pingInterval: number;
  /** Largest message, in bytes. Default 10e7. */
  maxHttpBufferSize: number;
  /** Deprecated name of `maxHttpBufferSize`. */
  maxBufferSize?: number;
  /** Default `['websocket']`. */
  transports: string[];
  /** Whether a polling client may upgrade to websocket. Default true. */
  allowUpgrades: boolean;
  /** Name (or description) of the cookie that carries Engine.IO's session id. Default false. */
  cookie: boolean | string | Record<string, unknown>;
  /** The origins whose pages may connect, e.g. `['https://example.com']`. Default: every origin. */
  onlyAllowOrigins?: string[];
  beforeConnect?: BeforeConnect;
  afterDisconnect?: AfterDisconnect;
  /** Deprecated name of `beforeConnect`. */
  authorization?: BeforeConnect | boolean;
  /** Deprecated: use an action, or `beforeConnect`. */
  onConnect?: (session: SessionData, socket: Socket) => void;
  /** Deprecated name of `afterDisconnect`. */
  onDisconnect?: (session: SessionData, socket: Socket) => void;
}
