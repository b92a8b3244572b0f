import cluster from 'node:cluster';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { BusError } from '../errors';

/**
 * Where the workers of one app meet when there is no primary of ours to ask: under pm2, or in a bare `cluster` whose
 * primary does not call `setup()`. `undefined` for a process that stands alone.
 * @param appPath folder of the app; several apps under one process manager do not mix
 */
export function findElectedHubPath(appPath: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.pm_id === undefined && !cluster.isWorker) return undefined;
  // pm2's daemon, or the cluster's primary, is the parent of all workers of the app.
  const meeting = [process.ppid, appPath, env.name ?? '', env.FLOTILLA_NAMESPACE ?? ''].join('\n');
  const name = `${createHash('sha256').update(meeting).digest('hex').slice(0, 16)}.sock`;
  return process.platform === 'win32' ? `\\\\.\\pipe\\flotilla-${name}` : join(privateFolder(), name);
}

/** A folder that only this user can read; somebody else's in its place is refused. */
function privateFolder(): string {
  const { uid } = userInfo();
  const folder = join(tmpdir(), `flotilla-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== uid) {
    throw new BusError(
      'E_HUB_PATH_IN_USE',
      `${folder} should be a folder of this user's own, for the local socket of the hub, but is not; remove it or set TMPDIR`,
    );
  }
  chmodSync(folder, 0o700);
  return folder;
}
