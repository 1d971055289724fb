import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueryRunner } from 'typeorm';
import { ConfigError, loadMigrationConfig, ProgramConnection, programConnection } from '../core/config';
import {
  BackupManifest,
  compareCounts,
  countRows,
  readBackup,
  RowCounts,
  totalRows,
} from './backup-manifest';
import { confirm } from './confirm';
import { connected } from './data-source';
import { embeddedDatabase, MigrationDataSource } from './migration-data-source';
import { checkProgram, interruptible, readText, runProgram } from './postgres-programs';
import { prepareRoles } from './roles';

/**
 * Restores a dump of `backUp` into the empty database of MIGRATION_DATABASE_URL, in one transaction.
 * @param log receives lines for the operator
 * @param isConfirmed whether the operator is not asked
 * @returns a message for the operator
 * @throws ConfigError if the backup is damaged or does not fit, and if the restored rows are not those of the backup
 */
export async function restore(
  file: string,
  isConfirmed: boolean,
  log: (line: string) => void,
): Promise<string> {
  const manifest = await readBackup(file);
  const { url, variable } = loadMigrationConfig();
  const databaseUrl = url ?? (await embeddedDatabase()).migrationDatabaseUrl;
  const dataSource = new MigrationDataSource(databaseUrl, variable, log);
  return connected(dataSource, async () => {
    const known = dataSource.migrations.map(({ name, constructor }) => name ?? constructor.name);
    refuseNewerVersion(manifest, known);
    const runner = dataSource.createQueryRunner();
    try {
      const start = Date.now();
      await runner.query('SET statement_timeout = 0');
      const { database, server_version } = await refuseUnsuitableDatabase(runner, manifest);
      await checkProgram('pg_restore', server_version);
      if (!isConfirmed) {
        await confirm(
          `Restoring the backup of ${manifest.created_at} creates ${totalRows(manifest.tables)} rows in the database ${database}.`,
          `npm run cli -- restore --file ${file} --yes`,
        );
      }
      const remaining = await prepareRoles(runner);
      remaining.push(...(await load(file, programConnection(databaseUrl))));
      await refuseOtherCounts(runner, manifest.tables);
      await runner.query('VACUUM (ANALYZE)');
      const pending = known.filter((name) => !manifest.migrations.includes(name));
      if (pending.length > 0) remaining.push(`Apply the pending migrations: npm run migration:run`);
      for (const line of remaining) log(line);
      const [tables, seconds] = [Object.keys(manifest.tables), Math.round((Date.now() - start) / 1000)];
      return `Restored ${totalRows(manifest.tables)} rows of ${tables.length} tables (${seconds} s). All counts agree. See docs/backup.md, "After a restore".`;
    } finally {
      await runner.release();
    }
  });
}

function refuseNewerVersion({ migrations }: BackupManifest, known: string[]): void {
  const unknown = migrations.filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new ConfigError(
    `This version of Cairn does not contain migrations of the backup: ${unknown.join(', ')}. Restore it with the version that the backup is from.`,
  );
}

async function refuseUnsuitableDatabase(
  runner: QueryRunner,
  manifest: BackupManifest,
): Promise<{ database: string; server_version: number }> {
  const isOfExtensionSql = (catalog: string, oid: string) =>
    `EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND deptype = 'e')`;
  const [row] = (await runner.query(`
    WITH schemas AS (SELECT oid FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema')
    SELECT current_database() AS database, current_user AS role,
      current_setting('server_version_num')::integer AS server_version,
      NOT EXISTS (SELECT FROM pg_class c WHERE relnamespace IN (SELECT oid FROM schemas) AND NOT ${isOfExtensionSql('pg_class', 'c.oid')})
        AND NOT EXISTS (SELECT FROM pg_proc p WHERE pronamespace IN (SELECT oid FROM schemas) AND NOT ${isOfExtensionSql('pg_proc', 'p.oid')})
        AS is_empty`)) as [{ database: string; role: string; server_version: number; is_empty: boolean }];
  if (!row.is_empty) {
    throw new ConfigError(
      `The database ${row.database} is not empty. Restore into a new one. As a superuser, run: ` +
        `CREATE DATABASE cairn_restored OWNER ${manifest.owner} ENCODING 'UTF8' TEMPLATE template0. Then name it in MIGRATION_DATABASE_URL.`,
    );
  }
  if (row.role !== manifest.owner) {
    throw new ConfigError(
      `The schema owner of the backup is ${manifest.owner}, but MIGRATION_DATABASE_URL connects as ${row.role}. Connect as ${manifest.owner}; ` +
        `if the role does not exist, a superuser creates it: CREATE ROLE ${manifest.owner} LOGIN CREATEROLE PASSWORD '…'`,
    );
  }
  const [major, backupMajor] = [row.server_version, manifest.server_version].map((version) =>
    Math.floor(version / 10_000),
  );
  if (major! < backupMajor!) {
    throw new ConfigError(
      `The backup is from PostgreSQL ${backupMajor}, and this server has version ${major}. Restore it on version ${backupMajor} or newer.`,
    );
  }
  return row;
}

/** @returns sentences that tell the operator what was not restored */
async function load(file: string, { url, environment }: ProgramConnection): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-restore-'));
  try {
    // The schema owner may not create most extensions, and Cairn needs none.
    const contents = (await runProgram('pg_restore', ['--list', file], readText)).split('\n');
    const isOfExtension = (line: string) => / (EXTENSION - |COMMENT - EXTENSION )/.test(line);
    const list = join(folder, 'list');
    writeFileSync(list, contents.filter((line) => !isOfExtension(line)).join('\n'));
    const args = ['--single-transaction', '--exit-on-error', '--no-owner', `--use-list=${list}`];
    await interruptible((signal) =>
      runProgram('pg_restore', [...args, '--no-password', `--dbname=${url}`, file], readText, {
        environment,
        signal,
      }),
    ).catch((error: unknown) => {
      throw new ConfigError(`Nothing was restored. ${(error as Error).message}`, { cause: error });
    });
    return contents.flatMap((line) => {
      const [, name] = / EXTENSION - (\S+)/.exec(line) ?? [];
      return name ? [`The extension ${name} is not restored. As a superuser: CREATE EXTENSION ${name}`] : [];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Row-level security is forced, so that the schema owner would see no rows. Nothing else uses the database yet. */
async function refuseOtherCounts(runner: QueryRunner, expected: RowCounts): Promise<void> {
  await runner.query('BEGIN');
  const forced = (await runner.query(
    'SELECT oid::regclass::text AS name FROM pg_class WHERE relforcerowsecurity ORDER BY 1',
  )) as { name: string }[];
  for (const { name } of forced) await runner.query(`ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY`);
  const problems = compareCounts(expected, await countRows(runner));
  await runner.query('ROLLBACK');
  if (problems.length === 0) return;
  throw new ConfigError(
    [
      'The restored database is not the one of the backup: do not use it, and drop it. In the backup, restored:',
      ...problems,
    ].join('\n  '),
  );
}
