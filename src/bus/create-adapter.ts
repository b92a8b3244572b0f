import type { Namespace } from 'socket.io';
import { resolveRedisSettings } from '../redis';
import { consoleLog } from './console-log';
import { findElectedHubPath } from './election/elected-hub-path';
import type { BusLog, Fleet, FleetAdapterExtras } from './fleet';
import type { LinkFactory } from './hub/hub';
import { readIdentity } from './identity';
import { joinFleet } from './join-fleet';
import { createLink, type LinkName, readBusSecrets } from './link/create-link';
import { DEFAULT_RECOVERY_SETTINGS, type RecoverySettings } from './recovery/settings';

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
  /**
   * Redis, for servers in several pods: a URL or a settings object (see docs/redis.md). Only where this process is its
   * own hub; a hub in a primary has the link itself.
   */
  redis?: unknown;
  /** How pods reach each other, the same in all of them: `redis-streams`, `redis` or `redis-sharded`. Default `redis-streams`. */
  link?: LinkName;
  /** Secrets that sign what travels between pods. Default: the environment's `FLOTILLA_BUS_SECRET`. */
  busSecrets?: readonly string[];
  /** How often a pod sends itself a message, to know that it is heard. Default 1000. */
  probeEveryMs?: number;
  /** After this long without hearing itself a link counts as deaf and is rebuilt. Default 2500. */
  probeTimeoutMs?: number;
  /** Worker number within the pod. Default: the environment's `FLOTILLA_WORKER`, else the process id. */
  workerNumber?: number;
  /**
   * Connection state recovery: clients that come back to any worker of the pod get their socket and what they have missed.
   * Default: what the server's own option `connectionStateRecovery` says.
   */
  connectionStateRecovery?: Partial<RecoverySettings>;
  /** Where to log. Default: warnings and errors to the console. */
  log?: BusLog;
}

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
  const identity = readIdentity(env);
  const log = options.log ?? consoleLog;
  const fleet = joinFleet({
    identity,
    log,
    link: linkOf(options, identity.podName, log),
    electedHubPath: options.electedHubPath ?? findElectedHubPath(process.cwd(), env),
  });
  const { connectionStateRecovery: given } = options;
  const recovery = given && { settings: { ...DEFAULT_RECOVERY_SETTINGS, ...given } };
  return Object.assign(fleet.createAdapter(recovery), { fleet });
}

function linkOf(options: FleetAdapterOptions, podName: string, log: BusLog): LinkFactory | undefined {
  const { redis: code, link: name, busSecrets: secrets = readBusSecrets(), probeEveryMs, probeTimeoutMs } = options;
  if (code === undefined) return undefined;
  const redis = resolveRedisSettings({ code, codeName: 'redis' });
  return redis && createLink({ name, redis, podName, secrets, probeEveryMs, probeTimeoutMs, log });
}
