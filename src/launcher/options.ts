import { hostname } from 'node:os';
import type { Entry } from './entry';
import { LauncherError } from './errors';
import { type FrontDoorOptions, type FrontDoorSettings, readFrontDoorSettings } from './front-door/settings';
import { heapShare, memoryLimit } from './life-cycle/memory-share';
import { type OpsOptions, type OpsSettings, readOpsSettings } from './ops/settings';
import { type PeerSettings, readPeerSettings } from './peer/peer-settings';
import { type PeerTlsFiles, type PeerTlsOptions, readPeerTlsFiles } from './peer/peer-tls';

/** How requests find their worker; docs/launcher.md compares them. */
export type FrontDoorMode = 'route' | 'sticky';

const LONGEST_MS = 3_600_000;

/** Settings of {@link startPod}. */
export interface PodOptions extends FrontDoorOptions, PeerTlsOptions {
  /** The directory of the app. */
  appPath: string;
  /** The app's own entry file, run in each worker; default: the app is lifted as `sails lift` does. */
  entry?: Entry | undefined;
  /** How many worker processes to run. */
  workers: number;
  /** Comes before `PORT` and `sails.config.port`. 0 takes any free port. */
  port?: number | undefined;
  /** Comes before `sails.config.explicitHost`. */
  host?: string | undefined;
  /** Default: `route`. */
  mode?: FrontDoorMode | undefined;
  /** How long a stop may take in all before the workers are killed. Default: 10,000 ms. */
  graceMs?: number | undefined;
  /** How long a stopping pod goes on as before, so that balancers notice that it is unready. Default: 0 ms. */
  drainDelayMs?: number | undefined;
  /**
   * Over how long a stop spreads the ends of the sockets; few sockets take less. Default: 5,000 ms, at most half of what
   * `drainDelayMs` leaves of `graceMs`.
   */
  drainWindowMs?: number | undefined;
  /**
   * Heap limit of each worker in MiB (Node's `--max-old-space-size`). Default: where a control group limits memory, 75 % of
   * that through the number of processes; else Node's own.
   */
  maxOldSpaceMb?: number | undefined;
  /** A worker whose heap stays fuller than this is replaced; 0 replaces none. Default: 90 %. */
  recycleAtPercent?: number | undefined;
  /**
   * How much of its sockets a worker that has more than the average gives up per second while another has far fewer; 0: none.
   * Default: 2 %.
   */
  rebalancePercent?: number | undefined;
  /** A worker whose event loop is blocked for longer gets no new connections; 0: never. Default: 10,000 ms. */
  stuckAfterMs?: number | undefined;
  /** Whether such a worker is replaced. Default: `false`. */
  replaceStuck?: boolean | undefined;
  /**
   * How long a connection may wait while no worker is ready, before it is answered `503`; while one is ready and only has too
   * much to do, 20,000 ms at least. Default: 1,000 ms.
   */
  unavailableAfterMs?: number | undefined;
  /** Whether a Redis that is configured must be there at the start. Default: `false`, the pod waits for it and serves alone. */
  redisRequired?: boolean | undefined;
  /** The pod's name, for people. Default: `FLOTILLA_POD_NAME`, else the host's name. */
  podName?: string | undefined;
  /** The ops server; `false` goes without it. */
  ops?: OpsOptions | false | undefined;
  /** The interface on which other pods reach this one. Default: `FLOTILLA_POD_IP`; without either, none is listened on. */
  peerHost?: string | undefined;
  /** The port for other pods. Default: 9091. 0 takes any free port. */
  peerPort?: number | undefined;
  /** Arguments for Sails' own configuration loader, such as `--environment=staging`. */
  sailsArguments?: string[] | undefined;
}

/** {@link PodOptions} with their defaults. */
export interface PodSettings {
  appPath: string;
  entry: Entry | undefined;
  workers: number;
  port: number | undefined;
  host: string | undefined;
  mode: FrontDoorMode;
  graceMs: number;
  drainDelayMs: number;
  drainWindowMs: number;
  maxOldSpaceMb: number | undefined;
  recycleAtPercent: number;
  rebalancePercent: number;
  stuckAfterMs: number;
  replaceStuck: boolean;
  unavailableAfterMs: number;
  /** Limits of the front door. */
  frontDoor: FrontDoorSettings;
  redisRequired: boolean;
  podName: string;
  /** `undefined`: without an ops server. */
  ops: OpsSettings | undefined;
  /** Where other pods reach this one; `undefined`: nowhere. */
  peer: PeerSettings | undefined;
  /** With what pods speak TLS; `undefined`: they do not. */
  peerTls: PeerTlsFiles | undefined;
  sailsArguments: string[];
}

/**
 * Checks the options and fills in the defaults.
 * @throws LauncherError `E_LAUNCH_SETTING`
 */
export function readPodSettings(options: PodOptions): PodSettings {
  const { appPath, port, host, mode = 'route' } = options;
  if (mode !== 'route' && mode !== 'sticky') throw bad('mode', mode, '"route" or "sticky"');
  return {
    appPath,
    entry: options.entry,
    workers: wholeNumber('workers', options.workers, 1, 1024),
    port: port === undefined ? undefined : wholeNumber('port', port, 0, 65_535),
    host,
    mode,
    ...readDrain(options),
    maxOldSpaceMb: readHeapLimit(options),
    recycleAtPercent: wholeNumber('recycleAtPercent', options.recycleAtPercent ?? 90, 0, 100),
    rebalancePercent: wholeNumber('rebalancePercent', options.rebalancePercent ?? 2, 0, 100),
    stuckAfterMs: wholeNumber('stuckAfterMs', options.stuckAfterMs ?? 10_000, 0, LONGEST_MS),
    replaceStuck: options.replaceStuck ?? false,
    unavailableAfterMs: wholeNumber('unavailableAfterMs', options.unavailableAfterMs ?? 1_000, 0, 60_000),
    frontDoor: readFrontDoorSettings(options, mode),
    redisRequired: options.redisRequired ?? false,
    podName: options.podName || process.env.FLOTILLA_POD_NAME || hostname(),
    ops: options.ops === false ? undefined : readOpsSettings(options.ops ?? {}),
    peer: readPeerSettings(options),
    peerTls: readPeerTlsFiles(options),
    sailsArguments: options.sailsArguments ?? [],
  };
}

/** A limit that was given to Node itself stays. */
function readHeapLimit({ maxOldSpaceMb, workers, entry }: PodOptions): number | undefined {
  if (maxOldSpaceMb !== undefined) return wholeNumber('maxOldSpaceMb', maxOldSpaceMb, 16, 1_048_576);
  const given = [process.env.NODE_OPTIONS ?? '', ...process.execArgv, ...(entry?.nodeArguments ?? [])].join(' ');
  if (/--max[-_]old[-_]space[-_]size/.test(given)) return undefined;
  const limit = memoryLimit();
  return limit === undefined ? undefined : heapShare(limit, workers + 1);
}

/** The times of a stop: it takes connections for the delay, closes sockets over the window, and has to end within the grace. */
function readDrain(options: PodOptions): Pick<PodSettings, 'graceMs' | 'drainDelayMs' | 'drainWindowMs'> {
  const graceMs = wholeNumber('graceMs', options.graceMs ?? 10_000, 1, LONGEST_MS);
  const drainDelayMs = wholeNumber('drainDelayMs', options.drainDelayMs ?? 0, 0, LONGEST_MS);
  const roomMs = Math.max(0, Math.floor((graceMs - drainDelayMs) / 2));
  const drainWindowMs = wholeNumber('drainWindowMs', options.drainWindowMs ?? Math.min(5_000, roomMs), 0, LONGEST_MS);
  if (graceMs > drainDelayMs + drainWindowMs) return { graceMs, drainDelayMs, drainWindowMs };
  throw new LauncherError(
    'E_LAUNCH_SETTING',
    `The grace must be longer than drain delay and drain window together, or workers are killed while they drain: --grace is ${graceMs} ms, --drain-delay ${drainDelayMs} ms, --drain-window ${drainWindowMs} ms. Raise --grace (FLOTILLA_GRACE_MS), or lower the others.`,
  );
}

function wholeNumber(name: string, value: number, from: number, to: number): number {
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw bad(name, value, `a whole number from ${from} to ${to}`);
}

function bad(name: string, value: unknown, wanted: string): LauncherError {
  return new LauncherError('E_LAUNCH_SETTING', `${name} is ${JSON.stringify(value)}; it must be ${wanted}.`);
}
