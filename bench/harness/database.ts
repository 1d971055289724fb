import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataFolder } from '../../src/core/config';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres';
import { setUpDatabase } from '../../src/database/set-up-database';
import { migrate } from '../../src/schema/migration-data-source';
import { onDatabase } from '../../test/setup/server';

export interface BenchDatabase {
  /** For Cairn. */
  databaseUrl: string;
  superuserUrl: string;
  /** The process id of the PostgreSQL server. */
  postmaster: number;
}

/** Nothing runs at times of its own, so that it does not disturb one measurement and spare the next. */
const settings = ['shared_buffers=512MB', 'autovacuum=off', 'checkpoint_timeout=1h', 'max_wal_size=16GB'];

/**
 * Creates an empty, migrated database on the server of the benchmarks.
 * @param isDurable whether a commit waits for the disk, as in production. Then the database is on another server.
 */
export async function createDatabase(name = 'bench', isDurable = false): Promise<BenchDatabase> {
  const folder = join(dataFolder, isDurable ? 'bench-postgres-durable' : 'bench-postgres');
  const server = await startEmbeddedPostgres(folder, [`fsync=${isDurable ? 'on' : 'off'}`, ...settings]);
  await dropDatabase(server, name);
  const { databaseUrl, migrationDatabaseUrl } = await setUpDatabase(server, name);
  await migrate(migrationDatabaseUrl);
  const superuserUrl = Object.assign(new URL(server), { pathname: `/${name}` }).toString();
  const [pid] = readFileSync(join(folder, 'cluster/postmaster.pid'), 'utf8').split('\n');
  return { databaseUrl, superuserUrl, postmaster: Number(pid) };
}

/** @param url of any other database of the server, for a superuser */
export async function dropDatabase(url: string, name: string): Promise<void> {
  await onDatabase(url, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}
