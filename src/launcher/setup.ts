import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { consoleLog } from '../bus/console-log';
import type { BusLog } from '../bus/fleet';
import { Hub } from '../bus/hub/hub';
import { randomPodTag } from '../bus/ids';
import { createPodSessionService } from '../session/pod-session-service';

/** Options of {@link setup}. */
export interface SetupOptions {
  /** The pod's name, for people. Default: the environment's `FLOTILLA_POD_NAME`, else the host's name. */
  podName?: string;
  /** Where to log. Default: warnings and errors to the console. */
  log?: BusLog;
}

/** What {@link setup} gives back. */
export interface PrimarySetup {
  readonly hub: Hub;
  /** Ends the hub; do it after the last worker has gone. */
  close(): Promise<void>;
}

/**
 * Makes somebody else's cluster primary the middle of a pod: it starts the hub and the pod's session store, and tells the
 * workers forked from now on where they are. Call it before the first `cluster.fork()`. It takes the place of
 * `setupPrimary()` of `@socket.io/cluster-adapter`.
 * @example
 * const cluster = require('node:cluster');
 * if (cluster.isPrimary) {
 *   require('sails-hook-flotilla/primary').setup();
 *   for (let i = 0; i < 4; i++) cluster.fork();
 * } else require('./app.js');
 */
export function setup(options: SetupOptions = {}): PrimarySetup {
  const podTag = randomPodTag();
  const podName = options.podName ?? process.env.FLOTILLA_POD_NAME ?? hostname();
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-'));
  const hubPath =
    process.platform === 'win32' ? `\\\\.\\pipe\\flotilla-${process.pid}-${podTag}` : join(folder, 'hub.sock');
  const log = options.log ?? consoleLog;
  const hub = new Hub({ podTag, podName, log });
  const sessions = createPodSessionService({ log });
  hub.offer('session', sessions);
  hub
    .listen(hubPath)
    .catch((error: Error) => log.error(`Flotilla: the hub can't listen at ${hubPath}: ${error.message}`));
  // Workers inherit the environment of their primary.
  process.env.FLOTILLA_HUB = hubPath;
  process.env.FLOTILLA_POD = podTag;
  process.env.FLOTILLA_POD_NAME = podName;
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  return {
    hub,
    close: async () => {
      sessions.close();
      await hub.close();
      process.removeListener('exit', removeFolder);
      removeFolder();
    },
  };
}
