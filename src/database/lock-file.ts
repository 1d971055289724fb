import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds to wait for a lock. Holding one takes less than this, even while a server starts. */
const lockTimeout = 60_000;

/** A file that contains the id of the process that holds the lock. */
export class LockFile {
  constructor(private readonly path: string) {}

  /** @throws Error if another process holds the lock until the timeout */
  async acquire(): Promise<void> {
    const deadline = Date.now() + lockTimeout;
    while (!this.tryAcquire()) {
      if (Date.now() > deadline) {
        throw new Error(
          `Another process (${readFileSync(this.path, 'utf8')}) holds ${this.path}. If it is not a Cairn process, delete the file.`,
        );
      }
      await delay(50);
    }
  }

  /** Deletes an abandoned lock, so that the next attempt succeeds. @returns whether this attempt acquired the lock */
  tryAcquire(): boolean {
    try {
      writeFileSync(this.path, String(process.pid), { flag: 'wx' });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (this.isAbandoned()) this.release();
      return false;
    }
  }

  release(): void {
    rmSync(this.path, { force: true });
  }

  private isAbandoned(): boolean {
    try {
      const pid = Number(readFileSync(this.path, 'utf8'));
      // This process does not hold the lock. In a container, a process that died can have had the same id.
      if (pid === process.pid) return true;
      // The file is empty while its owner is about to write its process id.
      return pid ? !isProcessRunning(pid) : Date.now() - statSync(this.path).mtimeMs > 1000;
    } catch {
      return true;
    }
  }
}

export function isProcessRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
