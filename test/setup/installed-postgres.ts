import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { EmbeddedCluster } from '../../src/database/embedded-cluster';

/*
 * The embedded PostgreSQL has no pg_dump, and pg_dump refuses servers that are newer than itself. Tests of backups
 * therefore run on a server of the same installation as pg_dump.
 */

/** A server with roles of its own, and the PATH with a pg_dump for it. */
export interface InstalledPostgres {
  cluster: EmbeddedCluster;
  /** The URL of the superuser's database. */
  url: string;
  path: string;
}

/** The version of the embedded PostgreSQL. */
const embeddedVersion = 18;

/** Starts a server on a new cluster in `folder`. The caller stops it. */
export async function startInstalledPostgres(folder: string, settings: string[]): Promise<InstalledPostgres> {
  const { PATH = '' } = process.env;
  const { stdout } = spawnSync('pg_dump', ['--version'], { encoding: 'utf8' });
  const version = Number(/\(PostgreSQL\) (\d+)/.exec(stdout ?? '')?.[1] ?? 0);
  const installation = version >= embeddedVersion ? undefined : newestInstallation();
  const cluster = new EmbeddedCluster(folder, installation);
  cluster.create();
  await cluster.start(settings);
  return { cluster, url: cluster.url(), path: installation ? [installation, PATH].join(delimiter) : PATH };
}

function newestInstallation(): string {
  const [newest] = installations();
  if (newest) return newest;
  throw new Error(
    'The tests of backups need pg_dump and pg_restore: install PostgreSQL 15 or newer (Debian: apt-get install ' +
      `postgresql; macOS: brew install postgresql), or only its client programs from version ${embeddedVersion} on.`,
  );
}

/** Folders with the programs of a server and of clients: of Debian, of the PATH, of PostgreSQL's own packages. */
function installations(): string[] {
  const inFolder = (root: string, suffix: string) =>
    existsSync(root) ? readdirSync(root).map((name) => join(root, name, suffix)) : [];
  const folders = [
    ...inFolder('/usr/lib/postgresql', 'bin'),
    ...inFolder('/opt/homebrew/opt', 'bin').filter((folder) => folder.includes('/postgresql')),
    ...inFolder('/usr', 'bin').filter((folder) => folder.startsWith('/usr/pgsql-')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const programs = ['initdb', 'pg_ctl', 'postgres', 'pg_dump', 'pg_restore'];
  return folders
    .filter((folder) => programs.every((program) => existsSync(join(folder, program))))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}
