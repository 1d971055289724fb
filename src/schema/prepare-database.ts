import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { Config, ConfigError, dataFolder } from '../core/config';
import { setUpDatabase, startEmbeddedPostgres } from '../database/embedded-postgres';
import { dataSourceOptions, migrationOptions, withDataSource } from './data-source';
import { Baseline1795276800000, earlierVersionMessage } from './migrations/1795276800000-baseline';

/**
 * Prepares the database of DATABASE_URL for the application; without one, starts the embedded database and migrates it.
 * @throws Error when the database cannot be reached · ConfigError when migrations are missing, when an earlier
 * development version created the database, or when the role must not serve requests
 */
export async function prepareDatabase(config: Config): Promise<Config> {
  const ready = await withDatabase(config);
  if (!config.databaseUrl) await withDataSource(migrationOptions(ready), migrate);
  await withDataSource(dataSourceOptions(ready), async (dataSource) => {
    await refuseMissingMigrations(dataSource);
    await refuseUnfitRole(dataSource, config.environment === 'production');
  });
  return ready;
}

/** The configuration with the URLs of a database: the configured one, or the embedded one, which is started. */
export async function withDatabase(config: Config): Promise<Config> {
  if (config.databaseUrl) return config;
  const server = await startEmbeddedPostgres(join(dataFolder, 'postgres'));
  return Object.freeze(Object.assign(new Config(), config, await setUpDatabase(server, 'cairn')));
}

/** Applies the missing migrations, once, also when several processes do this at the same time. */
async function migrate(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  // Polls: a waiting statement would block the CREATE INDEX CONCURRENTLY of a migration.
  const tryLock = `SELECT pg_try_advisory_lock(hashtext('cairn migrations')) AS "isLocked"`;
  while (!((await lock.query(tryLock)) as { isLocked: boolean }[])[0]?.isLocked) await delay(100);
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

/** A newer version may have applied further migrations; an earlier development version had others altogether. */
function refuseEarlierVersion(applied: string[]): void {
  if (applied.length > 0 && !applied.includes(Baseline1795276800000.name)) {
    throw new ConfigError(`Cairn cannot start. ${earlierVersionMessage}`);
  }
}

/** A role that bypasses row-level security would leave the isolation of users to the application alone. */
async function refuseUnfitRole(dataSource: DataSource, isProduction: boolean): Promise<void> {
  const [role] = await dataSource.query<{ name: string; bypasses: boolean; lacks: string[] }[]>(`
    SELECT rolname AS name, rolsuper OR rolbypassrls AS bypasses,
      ARRAY(SELECT wanted FROM unnest(ARRAY['cairn_app', 'cairn_auth', 'cairn_admin', 'cairn_purge']) wanted
        WHERE NOT pg_has_role(current_user, wanted,
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
