import type { EventEmitter } from 'node:events';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import type { FlotillaSettings } from '../hook/settings/flotilla-settings';
import type { SocketsSettings } from '../hook/settings/sockets-settings';
import type { SailsSockets } from '../hook/sockets';

/*
 * The part of Sails 1.x that this package touches. Sails ships no types; these describe its observable behaviour.
 */

/** A Node-style callback. */
export type Callback<T = void> = (error?: unknown, result?: T) => void;

/** `sails.log`: a function with a method per level. */
export interface SailsLog {
  (...things: unknown[]): void;
  error(...things: unknown[]): void;
  warn(...things: unknown[]): void;
  debug(...things: unknown[]): void;
  info(...things: unknown[]): void;
  verbose(...things: unknown[]): void;
  silly(...things: unknown[]): void;
}

/** `sails.config`: what this package reads of it, beside whatever else the app has configured. */
export interface SailsConfig {
  sockets: SocketsSettings;
  flotilla?: FlotillaSettings;
  appPath: string;
  host?: string;
  port?: number;
  ssl?: { cert?: unknown; key?: unknown } | boolean;
  session?: { adapter?: unknown; store?: unknown; name?: string; [setting: string]: unknown };
  beforeShutdown?: (done: Callback) => void;
  [setting: string]: unknown;
}

/** `sails.session`, which exists when core's session hook is loaded. */
export interface SailsSessionHook {
  generateNewSidCookie(): string;
  parseSessionIdFromCookie(cookieHeader: string): string;
  get(sessionId: string, done: Callback<SessionData>): void;
  set(sessionId: string, session: SessionData, done: Callback<SessionData>): void;
}

/** The fields of one session. */
export type SessionData = Record<string, unknown>;

/** `sails.hooks.http`. */
export interface SailsHttpHook {
  server: HttpServer;
  app: { get(setting: string): unknown };
}

/** A Sails app (`sails`). */
export interface SailsApp extends EventEmitter {
  config: SailsConfig;
  log: SailsLog;
  hooks: Record<string, unknown> & { http?: SailsHttpHook; session?: unknown; sockets?: unknown };
  router: { route(request: object, response: object): void };
  session?: SailsSessionHook;
  io?: Server;
  sockets?: SailsSockets;
  getSDKMetadata?: (handshake: Socket['handshake']) => unknown;
  /** Set by core as soon as `sails.lower()` is called. */
  _exiting?: boolean;
  after(events: string | string[], listener: () => void): void;
}

/** A request as core's router hands it to routes; HTTP's `req` has the same members where it uses them. */
export interface SailsRequest extends IncomingMessage {
  /** Only of virtual requests. */
  isSocket?: boolean;
  param(name: string): unknown;
}

/** A response as core's router hands it to routes. */
export interface SailsResponse {
  set(header: string, value: string): SailsResponse;
  send(body?: unknown): unknown;
}

/** What a Sails hook is: the object that its function returns for an app. */
export interface SailsHookDefinition {
  defaults: Record<string, unknown>;
  configure(): void;
  initialize(done: Callback): void;
  /** Runs when the app begins to serve; not when it is only loaded. */
  handleLift?(done: Callback): void;
  routes: {
    before: Record<string, unknown>;
    after: Record<string, (request: SailsRequest, response: SailsResponse, next: Callback) => void>;
  };
}
