import { closeSync, existsSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { QueryRunner } from 'typeorm';
import { ConfigError, loadBackupConfig, ProgramConnection, programConnection } from '../core/config';
import {
  BackupManifest,
  checksumOf,
  compareCounts,
  countDumpedRows,
  countRows,
  manifestFile,
  totalRows,
} from './backup-manifest';
import { ConfiguredDataSource, connected, migrationOptions } from './data-source';
import { embeddedDatabase } from './migration-data-source';
import { checkProgram, interruptible, readText, runProgram } from './postgres-programs';

/**
 * Dumps the database of BACKUP_DATABASE_URL to a file, with a manifest beside it. Neither file exists if this fails.
 * @param log receives lines for the operator
 * @returns a message for the operator
 * @throws ConfigError if the role does not see all rows, or if the dump does not contain them
 */
export async function backUp(file: string, log: (line: string) => void): Promise<string> {
  refuseExistingFiles(file);
  const { url, variable } = loadBackupConfig();
  const databaseUrl = url ?? (await embeddedDatabase()).backupDatabaseUrl;
  const dataSource = new ConfiguredDataSource(migrationOptions(databaseUrl), variable);
  return connected(dataSource, async () => {
    log(await dataSource.describe());
    const runner = dataSource.createQueryRunner();
    try {
      return await interruptible((signal) =>
        dump(runner, file, programConnection(databaseUrl), signal).catch((error: unknown) => {
          throw explained(error);
        }),
      );
    } finally {
      await runner.release();
    }
  });
}

function refuseExistingFiles(file: string): void {
  const folder = dirname(file);
  if (!existsSync(folder)) throw new ConfigError(`There is no folder ${folder}.`);
  for (const path of [file, manifestFile(file)]) {
    if (existsSync(path))
      throw new ConfigError(`${path} exists and is not overwritten. Choose another name.`);
  }
}

async function dump(
  runner: QueryRunner,
  file: string,
  { url, environment }: ProgramConnection,
  signal: AbortSignal,
): Promise<string> {
  const start = Date.now();
  const server = await describeServer(runner);
  const pgDumpVersion = await checkProgram('pg_dump', server.server_version);
  await refuseRestrictedRole(runner);
  const { snapshot, ...contents } = await takeSnapshot(runner);
  const partial = `${file}.partial`;
  createPrivately(partial);
  try {
    const options = ['--format=custom', `--file=${partial}`, `--snapshot=${snapshot}`, '--no-password'];
    await runProgram('pg_dump', [...options, `--dbname=${url}`], readText, { environment, signal });
    await runner.query('COMMIT');
    await refuseMissingRows(partial, contents.tables, signal);
    const manifest: BackupManifest = {
      format: 1,
      ...server,
      pg_dump_version: pgDumpVersion,
      ...contents,
      bytes: statSync(partial).size,
      sha256: await checksumOf(partial),
    };
    publish(partial, file, manifest);
    const [rows, tables] = [totalRows(manifest.tables), Object.keys(manifest.tables).length];
    const seconds = Math.round((Date.now() - start) / 1000);
    return `Backed up ${rows} rows of ${tables} tables to ${file} (${manifest.bytes} bytes, ${seconds} s).`;
  } finally {
    rmSync(partial, { force: true });
  }
}

/** Begins a transaction whose snapshot pg_dump uses too, and counts the rows in it. */
async function takeSnapshot(
  runner: QueryRunner,
): Promise<Pick<BackupManifest, 'created_at' | 'migrations' | 'tables'> & { snapshot: string }> {
  await runner.query('SET statement_timeout = 0');
  await runner.query('SET idle_in_transaction_session_timeout = 0');
  await runner.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const [{ snapshot }] = (await runner.query('SELECT pg_export_snapshot() AS snapshot')) as [
    { snapshot: string },
  ];
  const createdAt = new Date().toISOString();
  const migrations = (await runner.query('SELECT name FROM public.migrations ORDER BY id')) as {
    name: string;
  }[];
  const tables = await countRows(runner);
  return { snapshot, created_at: createdAt, migrations: migrations.map(({ name }) => name), tables };
}

async function describeServer(
  runner: QueryRunner,
): Promise<Pick<BackupManifest, 'database' | 'owner' | 'server_version'>> {
  const [row] = (await runner.query(`
    SELECT current_database() AS database, current_setting('server_version_num')::integer AS server_version,
      (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.migrations')) AS owner`)) as [
    { database: string; owner: string | null; server_version: number },
  ];
  if (row.owner === null) {
    throw new ConfigError(
      `The database ${row.database} has no schema of Cairn: there is nothing to back up.`,
    );
  }
  return { ...row, owner: row.owner };
}

/** A role that row-level security applies to sees no rows of users: its dump would be empty. */
async function refuseRestrictedRole(runner: QueryRunner): Promise<void> {
  const [role] = (await runner.query(
    'SELECT rolname AS name, rolsuper OR rolbypassrls AS bypasses FROM pg_roles WHERE rolname = current_user',
  )) as [{ name: string; bypasses: boolean }];
  if (role.bypasses) return;
  throw new ConfigError(
    `Row-level security applies to the role ${role.name}: its dump would not contain the rows of the users. ` +
      (role.name === 'cairn_backup'
        ? 'As a superuser, run: ALTER ROLE cairn_backup BYPASSRLS'
        : 'Use the role cairn_backup: BACKUP_DATABASE_URL=postgres://cairn_backup:…@…') +
      '. See docs/backup.md.',
  );
}

/** A dump contains password hashes and email addresses. pg_dump keeps the mode of an existing file. */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') {
      throw new ConfigError(
        `${path} exists: another backup is writing it, or one was killed. If none is running, delete the file.`,
      );
    }
    throw new ConfigError(`${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads the whole dump and compares its rows with those of the snapshot. */
async function refuseMissingRows(
  path: string,
  tables: BackupManifest['tables'],
  signal: AbortSignal,
): Promise<void> {
  const found = await runProgram('pg_restore', ['--data-only', '--file=-', path], countDumpedRows, {
    signal,
  });
  const problems = compareCounts(tables, found);
  if (problems.length === 0) return;
  throw new ConfigError(
    [
      'The dump is refused, because it does not contain all rows. In the database, in the dump:',
      ...problems,
    ].join('\n  '),
  );
}

/** The dump gets its name last: where it exists, the backup is complete. */
function publish(partial: string, file: string, manifest: BackupManifest): void {
  refuseExistingFiles(file);
  const path = manifestFile(file);
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`, { flag: 'wx', mode: 0o600, flush: true });
  try {
    renameSync(partial, file);
  } catch (error) {
    rmSync(path);
    throw error;
  }
}

function explained(error: unknown): unknown {
  if (error instanceof ConfigError) return error;
  const { code, message } = error as Error & { code?: string };
  if (code === undefined) return error;
  if (code !== '42501') return new ConfigError(`The backup failed: ${message}`, { cause: error });
  return new ConfigError(
    `The backup failed: ${message}. As the owner of the table, run: GRANT SELECT ON … TO cairn_backup. See docs/backup.md.`,
    { cause: error },
  );
}
