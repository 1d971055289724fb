import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
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
  return server.cluster.url();
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

/**
 * Creates a database with an owner and a login role if they do not exist, as docs/operations.md describes for any server.
 * Both roles get the superuser's password.
 * @param server the URL of a superuser's database
 */
export async function setUpDatabase(
  server: string,
  name: string,
): Promise<{ databaseUrl: string; migrationDatabaseUrl: string }> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('cairn set-up'))`);
    const password = client.escapeLiteral(decodeURIComponent(new URL(server).password));
    for (const [role, attributes] of [
      ['cairn_owner', 'LOGIN CREATEROLE'],
      ['cairn_login', 'LOGIN NOINHERIT'],
    ] as const) {
      const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
      await client.query(`${rowCount ? 'ALTER' : 'CREATE'} ROLE ${role} ${attributes} PASSWORD ${password}`);
    }
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} OWNER cairn_owner`);
  } finally {
    await client.end();
  }
  const urlOf = (username: string) =>
    Object.assign(new URL(server), { username, pathname: `/${name}` }).toString();
  return { databaseUrl: urlOf('cairn_login'), migrationDatabaseUrl: urlOf('cairn_owner') };
}
