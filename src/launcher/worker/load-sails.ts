import { createRequire } from 'node:module';
import { join } from 'node:path';
import { resolveSails } from '../app-check';
import type { LaunchEnvironment } from '../messages';
import type { SailsApp } from './sails-app';

/** The app's own Sails, and the configuration that `sails lift` would lift it with. */
export interface LoadedSails {
  sails: SailsApp;
  config: Record<string, unknown>;
}

/** Loads Sails as a scaffolded app.js does: the app's package, and .sailsrc, environment and arguments through `sails/accessible/rc`. */
export function loadSails(launch: LaunchEnvironment): LoadedSails {
  const path = resolveSails(launch.appPath);
  const requireFromApp = createRequire(join(launch.appPath, 'package.json'));
  const sails = requireFromApp(path) as SailsApp;
  const rc = requireFromApp('sails/accessible/rc') as (name: string) => Record<string, unknown>;
  return { sails, config: withOverrides(rc('sails'), launch) };
}

/** What an app would be lifted with, and what the launcher decides. */
export function withOverrides(config: Record<string, unknown>, launch: LaunchEnvironment): Record<string, unknown> {
  const overridden: Record<string, unknown> = { ...config };
  // an entry file that says nothing has the current directory, as with `node`
  if (!launch.entry) overridden.appPath = launch.appPath;
  // the primary prints one banner for all
  overridden.log = { noShip: true, ...asObject(config.log) };
  if (launch.port !== undefined && launch.port !== 0) overridden.port = launch.port;
  if (launch.host !== undefined) overridden.explicitHost = launch.host;
  if (!launch.first) {
    // done once for the fleet, by the first worker: a second migration would run under a live app
    overridden.models = { ...asObject(config.models), migrate: 'safe' };
    overridden.hooks = { grunt: false, ...asObject(config.hooks) };
  }
  return overridden;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
