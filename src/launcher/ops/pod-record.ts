import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** What a running pod leaves for the commands of the same user on the same machine. */
export interface PodRecord {
  /** Of the primary. */
  pid: number;
  name: string;
  appPath: string;
  /** Of the ops server. */
  url: string;
  token: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/**
 * Writes a pod's record, readable by its owner only.
 * @returns the function that removes it
 * @throws the system's error where that cannot be
 */
export function writePodRecord(record: PodRecord): () => void {
  const folder = recordFolder();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!isOurs(folder)) throw new Error(`${folder} is not a folder of this user's own`);
  chmodSync(folder, 0o700);
  const path = join(folder, `${record.pid}.json`);
  rmSync(path, { force: true });
  writeFileSync(path, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  return () => rmSync(path, { force: true });
}

/** The records of pods that run now. Those of pods that were killed are removed. */
export function readPodRecords(): PodRecord[] {
  const folder = recordFolder();
  if (!isOurs(folder)) return [];
  return readdirSync(folder).flatMap((file) => {
    const path = join(folder, file);
    try {
      const record = JSON.parse(readFileSync(path, 'utf8')) as PodRecord;
      if (isRunning(record.pid)) return [record];
      rmSync(path, { force: true });
    } catch {
      // removed meanwhile, or half written
    }
    return [];
  });
}

/** Whether there is a process with this id. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function recordFolder(): string {
  return join(tmpdir(), `flotilla-pods-${userInfo().uid}`);
}

/** Somebody else could lay a folder of this name. */
function isOurs(folder: string): boolean {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && (process.platform === 'win32' || stat.uid === userInfo().uid);
}
