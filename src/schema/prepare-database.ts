import type { DataSource } from 'typeorm';
import { Config, ConfigError } from '../core/config';
import { Problem } from '../core/problem';
import { Database } from '../database/database';
import { missingSettingsSql, storeSettingsSql } from '../database/role-settings';
import { dataSourceOptions, withDataSource } from './data-source';
import { embeddedDatabase, migrate } from './migration-data-source';
import { refuseEarlierVersion } from './migrator';

/**
 * Checks the database of DATABASE_URL. Without DATABASE_URL, starts the embedded database and migrates it first.
 * @throws ConfigError if the database cannot be reached, if its schema is behind or ahead of this version, or if the
 * role is not suitable
 */
export async function prepareDatabase(config: Config): Promise<Config> {
  const ready = await withDatabase(config);
  await withDataSource(dataSourceOptions(ready), async (dataSource) => {
    await refuseUnsuitableServer(dataSource, config);
    await refuseOtherSchema(dataSource);
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
async function withDatabase(config: Config): Promise<Config> {
  if (config.databaseUrl) return config;
  const { databaseUrl, migrationDatabaseUrl } = await embeddedDatabase();
  await migrate(migrationDatabaseUrl);
  return Object.freeze(Object.assign(new Config(), config, { databaseUrl, migrationDatabaseUrl }));
}

async function refuseOtherSchema(dataSource: DataSource): Promise<void> {
  const applied = await appliedMigrations(dataSource);
  refuseEarlierVersion(applied.map(({ name }) => name));
  const known = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
  const missing = known.filter((name) => !applied.some((row) => row.name === name));
  if (missing.length > 0) {
    throw new ConfigError(
      `Cairn cannot start: these migrations are not applied: ${missing.join(', ')}. Apply them with: npm run migration:run`,
    );
  }
  const incompatible = applied
    .filter(({ name, compatible_with }) => !known.includes(name) && !known.includes(compatible_with ?? ''))
    .map(({ name }) => name);
  if (incompatible.length > 0) {
    throw new ConfigError(
      `Cairn cannot start: the database is ahead of this version, which is not compatible with these migrations: ` +
        `${incompatible.join(', ')}. Start the version that applied them, or revert them with that version: ` +
        `npm run migration:revert -- --to ${known.filter((name) => applied.some((row) => row.name === name)).at(-1)}`,
    );
  }
}

/** `compatible_with` is null if the migration does not declare it, or if checksums are not stored yet. */
async function appliedMigrations(
  dataSource: DataSource,
): Promise<{ name: string; compatible_with: string | null }[]> {
  const [known] = await dataSource.query<{ current: boolean; earlier: boolean }[]>(
    `SELECT to_regprocedure('schema_migrations()') IS NOT NULL AS current,
       to_regprocedure('applied_migrations()') IS NOT NULL AS earlier`,
  );
  if (known?.current) return dataSource.query('SELECT name, compatible_with FROM schema_migrations()');
  if (!known?.earlier) return [];
  return dataSource.query('SELECT name, NULL AS compatible_with FROM applied_migrations() name');
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
