import type { Namespace } from 'socket.io';
import { findElectedHubPath } from './election/elected-hub-path';
import type { BusLog, Fleet, FleetAdapterExtras } from './fleet';
import { readIdentity } from './identity';
import { joinFleet } from './join-fleet';

/** Options of {@link createAdapter}. */
export interface FleetAdapterOptions {
  /**
   * Path of the local socket of the pod's hub. Default: the environment's `FLOTILLA_HUB`, which the launcher and
   * `setup()` of `sails-hook-flotilla/primary` set for their workers; without it the process is alone.
   */
  hubPath?: string;
  /**
   * Where the workers of one machine meet and elect one of them to hold the hub, when there is no primary of ours.
   * Default: found for workers of pm2 and of a bare `cluster`; see `findElectedHubPath()`.
   */
  electedHubPath?: string;
  /** Worker number within the pod. Default: the environment's `FLOTILLA_WORKER`, else the process id. */
  workerNumber?: number;
  /** Where to log. Default: warnings and errors to the console. */
  log?: BusLog;
}

const consoleLog: BusLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
};

/** An adapter factory for `io.adapter(...)`, with a way to leave the fleet. */
export interface FleetAdapterFactory {
  (namespace: Namespace): FleetAdapterExtras;
  /** The membership that this server's adapters share. */
  readonly fleet: Fleet;
}

/**
 * Makes the fleet's adapter for a Socket.IO server without Sails.
 * @example
 * const adapter = createAdapter();
 * const io = new Server(httpServer, { adapter });
 * // on shutdown, after io.close():
 * await adapter.fleet.close();
 */
export function createAdapter(options: FleetAdapterOptions = {}): FleetAdapterFactory {
  const env = { ...process.env };
  if (options.hubPath) env.FLOTILLA_HUB = options.hubPath;
  if (options.workerNumber) env.FLOTILLA_WORKER = String(options.workerNumber);
  const fleet = joinFleet({
    identity: readIdentity(env),
    log: options.log ?? consoleLog,
    electedHubPath: options.electedHubPath ?? findElectedHubPath(process.cwd(), env),
  });
  return Object.assign(fleet.createAdapter(), { fleet });
}
