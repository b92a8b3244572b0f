import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Server as SocketServer } from 'socket.io';

type Callback = (error?: unknown) => void;

/** The parts of a Sails app object that the launcher touches. */
export interface SailsApp extends EventEmitter {
  config: SailsConfig;
  hooks: { http?: { server: Server }; sockets?: DrainingHook };
  /** The module loader hook, from when `hook:userconfig:loaded` is emitted. */
  modules?: { loadUserHooks(callback: (error: unknown, hooks?: Record<string, unknown>) => void): void };
  io?: SocketServer;
  log: Record<'debug' | 'info' | 'warn' | 'error', (...args: unknown[]) => void>;
  lift(config: Record<string, unknown>, callback: Callback): void;
  lower(callback: Callback): void;
  runBootstrap(callback: Callback): void;
}

/** What our hook offers for a stop and for balance. Another version of it in the app may not. */
export interface DrainingHook {
  drain?(options: { windowMs: number; deadlineMs: number; onProgress(left: number, of: number): void }): Promise<void>;
  closePolling?(windowMs: number): Promise<number>;
  shed?(options: { count: number; keep: number; windowMs: number }): Promise<number>;
}

/** The settings that the launcher reads. */
export interface SailsConfig {
  environment?: string;
  port?: unknown;
  explicitHost?: unknown;
  ssl?: true | { key?: unknown; cert?: unknown; pfx?: unknown };
  flotilla?: { redis?: unknown; link?: unknown; maxLogBytes?: unknown; once?: unknown };
  models?: Record<string, unknown>;
  http?: { trustProxy?: unknown; serverOptions?: Record<string, unknown> };
  sockets?: { path?: unknown };
  session?: { adapter?: unknown; secret?: unknown };
  hooks?: Record<string, unknown>;
}
