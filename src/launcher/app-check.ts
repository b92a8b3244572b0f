import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { LauncherError, messageOf } from './errors';

const OTHER_HOOK = 'sails-hook-sockets';

/** The parts of a package.json that matter here. */
interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/**
 * Checks that a directory holds a Sails app that the launcher can run.
 * @param options `allowOtherHook`: another sockets hook is no reason to refuse it
 * @returns the absolute path
 * @throws LauncherError `E_NO_SUCH_APP`, `E_NOT_A_SAILS_APP`, `E_OTHER_SOCKETS_HOOK`
 */
export function checkApp(directory: string, options: { allowOtherHook?: boolean } = {}): string {
  const appPath = resolve(directory);
  if (!statSync(appPath, { throwIfNoEntry: false })?.isDirectory()) {
    throw new LauncherError('E_NO_SUCH_APP', `There is no directory ${appPath}. Usage: flotilla start [dir]`);
  }
  const manifest = readManifest(appPath);
  resolveSails(appPath);
  if (!options.allowOtherHook) refuseOtherHook(appPath, manifest);
  return appPath;
}

/**
 * Finds the app's own Sails.
 * @returns the path of its main module
 * @throws LauncherError `E_NOT_A_SAILS_APP`
 */
export function resolveSails(appPath: string): string {
  try {
    return createRequire(join(appPath, 'package.json')).resolve('sails');
  } catch (error) {
    throw new LauncherError(
      'E_NOT_A_SAILS_APP',
      `${appPath} is not a Sails app, or its dependencies are not installed: it has no "sails" package. Run "npm install" there, or give the directory of a Sails app.`,
      { cause: error },
    );
  }
}

/** The error for an app in which Sails would load another hook under the name `sockets`. */
export function otherHookError(appPath: string, what: string, cure: string): LauncherError {
  return new LauncherError(
    'E_OTHER_SOCKETS_HOOK',
    `${what} in ${appPath} takes the place of sails-hook-flotilla, so workers would not hear of each other. ${cure}`,
  );
}

function readManifest(appPath: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(appPath, 'package.json'), 'utf8')) as Manifest;
  } catch (error) {
    throw new LauncherError(
      'E_NOT_A_SAILS_APP',
      `${appPath} is not a Sails app: its package.json cannot be read (${messageOf(error)}).`,
      { cause: error },
    );
  }
}

/** Sails takes a hook that is both in node_modules and in package.json. */
function refuseOtherHook(appPath: string, manifest: Manifest): void {
  const listed = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies];
  if (!listed.some((dependencies) => dependencies?.[OTHER_HOOK])) return;
  if (!existsSync(join(appPath, 'node_modules', OTHER_HOOK))) return;
  throw otherHookError(appPath, OTHER_HOOK, `Run: npm uninstall ${OTHER_HOOK}`);
}
