import { readFileSync } from 'node:fs';

/**
 * How many files and connections this process, and those that it starts, may have open; `undefined` where the system does
 * not say. Node raises the soft limit to the hard one when it starts.
 */
export function openFileLimit(path = '/proc/self/limits'): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(path, 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
