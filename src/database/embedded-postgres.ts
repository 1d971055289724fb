import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedCluster } from './embedded-cluster';
import { isProcessRunning, LockFile } from './lock-file';

/**
 * Starts the PostgreSQL that comes with `npm ci`, for development and tests. If a server already runs on `folder`, also
 * one that a killed process left running, that server is used. The last process that uses the server stops it on exit.
 * @param settings server settings that differ from PostgreSQL's defaults
 * @returns the URL of its superuser's database
 * @throws Error with PostgreSQL's error message if it does not start
 */
export async function startEmbeddedPostgres(folder: string, settings: string[] = []): Promise<string> {
  const server = new SharedServer(folder);
  await server.start(settings);
  process.once('exit', () => server.leave());
  return server.cluster.socketUrl() ?? server.cluster.url();
}

/** A server that several processes share. Each process that uses it has a file named after its process id. */
class SharedServer {
  readonly cluster: EmbeddedCluster;
  private readonly lock: LockFile;
  private readonly users: string;

  constructor(folder: string) {
    this.users = join(folder, 'users');
    mkdirSync(this.users, { recursive: true });
    this.cluster = new EmbeddedCluster(folder);
    this.lock = new LockFile(join(folder, 'lock'));
  }

  async start(settings: string[]): Promise<void> {
    await this.lock.acquire();
    try {
      this.cluster.create();
      await this.cluster.start(settings);
      writeFileSync(this.userFile(process.pid), '');
    } finally {
      this.lock.release();
    }
  }

  /** Synchronous, so that it can run on exit. If the lock is held, another process is about to use the server. */
  leave(): void {
    rmSync(this.userFile(process.pid), { force: true });
    if (!this.lock.tryAcquire()) return;
    try {
      if (!this.isInUse()) this.cluster.stop();
    } finally {
      this.lock.release();
    }
  }

  private isInUse(): boolean {
    for (const pid of readdirSync(this.users)) {
      if (isProcessRunning(Number(pid))) return true;
      rmSync(this.userFile(pid), { force: true });
    }
    return false;
  }

  private userFile(pid: number | string): string {
    return join(this.users, String(pid));
  }
}
