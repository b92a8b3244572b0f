import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Server } from 'socket.io';
import { HookError } from '../errors';
import type { HookRuntime } from '../runtime';
import { AdminSessions } from './admin-sessions';
import { readAdminUiSettings } from './admin-ui-settings';

const PACKAGE = '@socket.io/admin-ui';

type Instrument = (io: Server, options: Record<string, unknown>) => void;

/**
 * Lets Socket.IO's Admin UI (https://admin.socket.io) look at this server, where `sails.config.flotilla.adminUi` says so.
 * It connects to one worker and sees all: numbers and events of the others come over the bus.
 */
export function serveAdminUi(runtime: HookRuntime, io: Server): void {
  const settings = readAdminUiSettings(runtime.settings.adminUi);
  if (!settings) return;
  const instrument = loadInstrument(runtime.app.config.appPath);
  const { auth, namespace: namespaceName, readonly, mode } = settings;
  const { podName, workerNumber } = runtime.identity;
  const namespace = io.of(namespaceName);
  const timers = timersOf(() =>
    instrument(io, {
      auth: auth && { type: 'basic', ...auth },
      namespaceName,
      readonly,
      mode,
      // its own default is one name for all workers of a host that are no cluster workers
      serverId: `${podName}#${workerNumber}`,
      store: new AdminSessions(namespace),
    }),
  );
  runtime.cleanups.push(() => {
    for (const timer of timers) clearInterval(timer);
  });
  runtime.app.log.verbose(`Flotilla: the Admin UI of Socket.IO may connect to ${namespaceName} (${mode}).`);
}

/** The app's own, else the one beside this package. */
function loadInstrument(appPath: string): Instrument {
  const requires = [createRequire(join(appPath, 'package.json')), require];
  for (const requireFrom of requires) {
    let path: string;
    try {
      path = requireFrom.resolve(PACKAGE);
    } catch {
      continue;
    }
    return (requireFrom(path) as { instrument: Instrument }).instrument;
  }
  throw new HookError(
    'E_ADMIN_UI_MISSING',
    `\`sails.config.flotilla.adminUi\` is set, and the package ${PACKAGE} is not installed: ` +
      `run "npm install ${PACKAGE}" in the app, or remove the setting.`,
  );
}

/** Runs something and returns the intervals that it has started: the package keeps its own to itself, for good. */
function timersOf(run: () => void): NodeJS.Timeout[] {
  const timers: NodeJS.Timeout[] = [];
  const original = globalThis.setInterval;
  const recording = (...args: Parameters<typeof setInterval>): NodeJS.Timeout => {
    const timer = original(...args);
    timers.push(timer);
    return timer;
  };
  globalThis.setInterval = recording as typeof setInterval;
  try {
    run();
  } finally {
    globalThis.setInterval = original;
  }
  return timers;
}
