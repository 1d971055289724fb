import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Config, ConfigError, dataFolder } from '../core/config';
import { Problem } from '../core/problem';
import { Database } from '../database/database';
import { startEmbeddedPostgres } from '../database/embedded-postgres';
import { missingSettingsSql, storeSettingsSql } from '../database/role-settings';
import { setUpDatabase } from '../database/set-up-database';
import { dataSourceOptions, migrationOptions, withDataSource } from './data-source';
import { Baseline1795276800000, earlierVersionMessage } from './migrations/1795276800000-baseline';

/**
 * Checks the database of DATABASE_URL. Without DATABASE_URL, starts the embedded database and migrates it first.
 * @throws ConfigError if the database cannot be reached, if migrations are missing, if an earlier development version
 * created the database, or if the role is not suitable
 */
export async function prepareDatabase(config: Config): Promise<Config> {
  const ready = await withDatabase(config);
  if (!config.databaseUrl) await withDataSource(migrationOptions(ready), migrate);
  await withDataSource(dataSourceOptions(ready), async (dataSource) => {
    await refuseUnsuitableServer(dataSource, config);
    await refuseMissingMigrations(dataSource);
    await refuseUnsuitableRole(dataSource, config.environment === 'production');
    await storeMissingSettings(dataSource);
  });
  await withDataSource(dataSourceOptions(ready), async (dataSource) => {
    await refuseUnsuitableServer(dataSource, config);
    await refuseMissingSettings(dataSource);
  });
  return ready;
}

/** The configuration with the URL of the database. Starts the embedded database if none is configured. */
export async function withDatabase(config: Config): Promise<Config> {
  if (config.databaseUrl) return config;
  const server = await startEmbeddedPostgres(join(dataFolder, 'postgres'));
  return Object.freeze(Object.assign(new Config(), config, await setUpDatabase(server, 'cairn')));
}

/** Applies the missing migrations. Safe if several processes do this at the same time. */
async function migrate(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  // Polls, because a waiting statement would block a CREATE INDEX CONCURRENTLY in a migration.
  const tryLockSql = `SELECT pg_try_advisory_lock(hashtext('cairn migrations')) AS "isLocked"`;
  while (!((await lock.query(tryLockSql)) as { isLocked: boolean }[])[0]?.isLocked) await delay(100);
  try {
    refuseEarlierVersion(await appliedMigrations(dataSource));
    await dataSource.runMigrations();
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(hashtext('cairn migrations'))`);
    await lock.release();
  }
}

async function refuseMissingMigrations(dataSource: DataSource): Promise<void> {
  const applied = await appliedMigrations(dataSource);
  refuseEarlierVersion(applied);
  const missing = dataSource.migrations
    .map((migration) => migration.name ?? migration.constructor.name)
    .filter((name) => !applied.includes(name));
  if (missing.length === 0) return;
  throw new ConfigError(
    `Cairn cannot start: these migrations are not applied: ${missing.join(', ')}. Apply them with: npm run migration:run`,
  );
}

async function appliedMigrations(dataSource: DataSource): Promise<string[]> {
  const [known] = await dataSource.query<{ exists: boolean }[]>(
    `SELECT to_regprocedure('applied_migrations()') IS NOT NULL AS exists`,
  );
  if (!known?.exists) return [];
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM applied_migrations() name');
  return rows.map(({ name }) => name);
}

/** Allows migrations of newer versions. Earlier development versions did not have the baseline migration. */
function refuseEarlierVersion(applied: string[]): void {
  if (applied.length > 0 && !applied.includes(Baseline1795276800000.name)) {
    throw new ConfigError(`Cairn cannot start. ${earlierVersionMessage}`);
  }
}

/**
 * Refuses a standby, and a pooler without support for prepared statements: the same statement on two connections then
 * fails on the second.
 */
async function refuseUnsuitableServer(dataSource: DataSource, config: Config): Promise<void> {
  try {
    await new Database(dataSource, config).ping();
  } catch (error) {
    throw error instanceof Problem ? new ConfigError(`Cairn cannot start: ${error.detail}`) : error;
  }
}

/** Stores the settings with the role of DATABASE_URL, for this database. They apply to new connections. */
async function storeMissingSettings(dataSource: DataSource): Promise<void> {
  const missing = await missingSettings(dataSource);
  if (missing.length === 0) return;
  const [{ name }] = await dataSource.query<[{ name: string }]>('SELECT current_database() AS name');
  try {
    await dataSource.query(
      storeSettingsSql(`CURRENT_USER IN DATABASE ${dataSource.driver.escape(name)}`, missing),
    );
  } catch (error) {
    // Another instance is storing the same settings.
    if ((error as { code?: string }).code !== 'XX000') throw error;
  }
}

async function refuseMissingSettings(dataSource: DataSource): Promise<void> {
  const missing = await missingSettings(dataSource);
  if (missing.length === 0) return;
  throw new ConfigError(
    `Cairn cannot start: new connections do not have these settings of the role of DATABASE_URL: ${missing.join(', ')}. ` +
      'A pooler must reconnect to the server (RECONNECT in the console of PgBouncer), and must not set them itself.',
  );
}

async function missingSettings(dataSource: DataSource): Promise<string[]> {
  const rows = await dataSource.query<{ name: string }[]>(missingSettingsSql);
  return rows.map(({ name }) => name);
}

/** With a role that bypasses row-level security, only the application would isolate users from each other. */
async function refuseUnsuitableRole(dataSource: DataSource, isProduction: boolean): Promise<void> {
  const [role] = await dataSource.query<{ name: string; bypasses: boolean; lacks: string[] }[]>(`
    SELECT rolname AS name, rolsuper OR rolbypassrls AS bypasses,
      ARRAY(SELECT required FROM unnest(ARRAY['cairn_app', 'cairn_auth', 'cairn_admin', 'cairn_purge']) required
        WHERE NOT pg_has_role(current_user, required,
          CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)) AS lacks
    FROM pg_roles WHERE rolname = current_user`);
  if (role && role.lacks.length > 0) {
    throw new ConfigError(
      `Cairn cannot start: the role ${role.name} of DATABASE_URL is not a member of all roles that it needs. As the schema owner, run: ` +
        `GRANT ${role.lacks.join(', ')} TO ${role.name}`,
    );
  }
  if (role?.bypasses && isProduction) {
    throw new ConfigError(
      `Cairn cannot start: the role ${role.name} of DATABASE_URL bypasses row-level security. Use cairn_login instead: ` +
        `ALTER ROLE cairn_login PASSWORD '...' and DATABASE_URL=postgres://cairn_login:...@... . See docs/operations.md, "Roles".`,
    );
  }
}
