import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest path of a Unix domain socket that every system takes (macOS has room for 103 bytes). */
const LONGEST_SOCKET_PATH = 103;
const LONGEST_NAME = '/p-00000000.sock'.length;

/** The private directory in which a primary and its workers keep their local sockets. */
export interface RuntimeDirectory {
  readonly path: string;
  /** Removes it with everything in it. */
  remove(): void;
}

/**
 * Makes the directory, readable by its owner only (0700). On Windows there is none: there the path is the prefix of named
 * pipes.
 */
export function createRuntimeDirectory(parent: string = tmpdir()): RuntimeDirectory {
  if (process.platform === 'win32') {
    return { path: `\\\\.\\pipe\\flotilla-${randomBytes(8).toString('hex')}`, remove: () => {} };
  }
  const roomy = join(parent, 'flotilla-XXXXXX').length + LONGEST_NAME <= LONGEST_SOCKET_PATH;
  const path = mkdtempSync(join(roomy ? parent : '/tmp', 'flotilla-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Where the hub listens. */
export function hubSocketPath(directory: string): string {
  return localPath(directory, 'hub');
}

/** Where the app's own HTTP server of the worker with this tag listens. */
export function appSocketPath(directory: string, tag: string): string {
  return localPath(directory, `w-${hex(tag)}`);
}

/** Where the worker with this tag takes requests that other workers pass on. */
export function peerSocketPath(directory: string, tag: string): string {
  return localPath(directory, `p-${hex(tag)}`);
}

/** Tags differ in case only, which some file systems do not tell apart. */
function hex(tag: string): string {
  return Buffer.from(tag).toString('hex');
}

function localPath(directory: string, name: string): string {
  return process.platform === 'win32' ? `${directory}-${name}` : join(directory, `${name}.sock`);
}
