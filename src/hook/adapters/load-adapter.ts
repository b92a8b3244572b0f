import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { inspect } from 'node:util';
import type { SailsApp } from '../../types/sails';
import { HookError, SocketsAdapterError } from '../errors';
import { REDIS_ADAPTER_PACKAGES } from '../settings/adapter-settings';
import type { AdapterFactory } from '../settings/sockets-settings';

/** Earlier versions make clients of their own and do not know Socket.IO 4. */
const OLDEST_REDIS_ADAPTER = 6;

/** Requires the third-party adapter that the app names, from the app's own node_modules, unless it was given. */
export function loadAdapterFactory(app: SailsApp, packageName: string): AdapterFactory {
  const { adapterModule } = app.config.sockets;
  const loaded: unknown = adapterModule ?? requireFromApp(app, packageName);
  if (typeof loaded === 'function') return loaded as AdapterFactory;
  const { createAdapter } = (loaded ?? {}) as { createAdapter?: unknown };
  if (typeof createAdapter === 'function') return createAdapter as AdapterFactory;
  throw new SocketsAdapterError(
    `The Socket.IO adapter "${packageName}" (\`sails.config.sockets.adapter\`) exports neither a function nor \`createAdapter\`. ` +
      'Set `sails.config.sockets.adapter` to what you would give to `io.adapter()` instead.',
  );
}

function requireFromApp(app: SailsApp, packageName: string): unknown {
  const folder = resolve(app.config.appPath, 'node_modules', packageName);
  let loaded: unknown;
  try {
    loaded = require(folder);
  } catch (error) {
    throw new SocketsAdapterError(
      `The Socket.IO adapter "${packageName}" (\`sails.config.sockets.adapter\`) can not be required. ` +
        `Install it in the app (npm install ${packageName}), in a version for Socket.IO 4. Details: ${inspect(error)}`,
    );
  }
  if (REDIS_ADAPTER_PACKAGES.includes(packageName)) assertVersion(folder, packageName);
  return loaded;
}

function assertVersion(folder: string, packageName: string): void {
  let version: string;
  try {
    version = JSON.parse(readFileSync(resolve(folder, 'package.json'), 'utf8')).version;
  } catch {
    return;
  }
  if (Number.parseInt(version, 10) >= OLDEST_REDIS_ADAPTER) return;
  throw new HookError(
    'E_SOCKET_IO_REDIS_VERSION_TOO_LOW',
    `${packageName} ${version} is too old: version ${OLDEST_REDIS_ADAPTER} or later is needed. Run npm install ${packageName}@${OLDEST_REDIS_ADAPTER}`,
  );
}
