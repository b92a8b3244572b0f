import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { otherHookError } from '../app-check';
import type { SailsApp } from './sails-app';

const PACKAGE = 'sails-hook-flotilla';
const OWN_ROOT = resolve(__dirname, '..', '..', '..');

/**
 * Makes sure that the app's `sockets` hook is ours, among the hooks that Sails found: puts it there where the app has not
 * installed it, and refuses another.
 * @throws LauncherError `E_OTHER_SOCKETS_HOOK`
 */
export function ensureSocketsHook(sails: SailsApp, appPath: string, hooks: Record<string, unknown>): void {
  const configured = sails.config.hooks?.sockets;
  if (configured === false || configured === 'false') {
    sails.log.warn('sails.config.hooks.sockets is false: this app runs without sockets.');
    return;
  }
  const found = hooks.sockets ?? configured;
  if (found === undefined) {
    hooks.sockets = load(OWN_ROOT);
    return;
  }
  const installed = join(appPath, 'node_modules', PACKAGE);
  const ours = [OWN_ROOT, ...(existsSync(installed) ? [installed] : [])];
  if (ours.some((root) => load(root) === found)) return;
  throw otherHookError(
    appPath,
    'A hook named "sockets"',
    `Remove it: it is in api/hooks/sockets, in a package whose package.json says "hookName": "sockets", or in sails.config.hooks.sockets.`,
  );
}

/** Loads the package's main module the way Sails does; the hook and the launcher do not import each other. */
function load(root: string): unknown {
  return require(root) as unknown;
}
