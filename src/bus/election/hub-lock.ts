import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';

/**
 * A lock among the processes of one machine that ends with its owner: a file that holds the owner's process id.
 * It is made by hard-linking a file that is complete already, so that nobody ever reads half of it.
 */
export class HubLock {
  constructor(private readonly path: string) {}

  /** Takes the lock, also from an owner that no longer lives. Returns whether it is ours now. */
  tryAcquire(): boolean {
    if (this.#create()) return true;
    const owner = this.#owner();
    if (owner !== undefined && isAlive(owner)) return owner === process.pid;
    this.#removeStale(owner);
    return this.#create() && this.isOurs();
  }

  isOurs(): boolean {
    return this.#owner() === process.pid;
  }

  release(): void {
    if (this.isOurs()) ignoreMissing(() => unlinkSync(this.path));
  }

  #create(): boolean {
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, String(process.pid));
    try {
      linkSync(draft, this.path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    } finally {
      ignoreMissing(() => unlinkSync(draft));
    }
  }

  /** Two processes may find the lock stale at the same time; the one that comes second must not remove the other's new lock. */
  #removeStale(staleOwner: number | undefined): void {
    const aside = `${this.path}.stale.${process.pid}`;
    ignoreMissing(() => {
      renameSync(this.path, aside);
      if (readOwner(aside) !== staleOwner) {
        try {
          linkSync(aside, this.path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        }
      }
      unlinkSync(aside);
    });
  }

  #owner(): number | undefined {
    return readOwner(this.path);
  }
}

function readOwner(path: string): number | undefined {
  try {
    return Number(readFileSync(path, 'utf8')) || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function ignoreMissing(act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
