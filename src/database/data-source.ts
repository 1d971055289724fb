import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, DataSourceOptions } from 'typeorm';
import { AdministrativeAct } from '../administration/administrative-act.entity';
import { OneTimeToken } from '../auth/one-time-token.entity';
import { PersonalToken } from '../auth/personal-token.entity';
import { Session } from '../auth/session.entity';
import { Config, ConfigError, dataFolder } from '../core/config';
import { Goal } from '../goals/goal.entity';
import { Change } from '../history/change.entity';
import { RateLimit } from '../limits/rate-limit.entity';
import { Mail } from '../mail/mail.entity';
import { Tag } from '../tags/tag.entity';
import { TaskTag } from '../tasks/task-tag.entity';
import { TaskDependency } from '../tasks/task-dependency.entity';
import { Task } from '../tasks/task.entity';
import { TimeEntry } from '../time-entries/time-entry.entity';
import { User } from '../users/user.entity';
import { setUpDatabase, startEmbeddedPostgres } from './embedded-postgres';
import { migrations } from './migrations';
import { NamingStrategy } from './naming-strategy';

/** Milliseconds. A statement that takes longer is ended by the server, and answered with 503. */
const statementTimeout = 8000;

/**
 * Times in UTC; pages cost on a solid-state disk what they cost, so that an index that gives the order is used; and plans
 * are made once (docs/decisions/0016).
 */
export const serverSettings = '-c timezone=UTC -c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan';

/** The one description of the database: the application, the TypeORM CLI, the tests and the benchmarks use it. */
export function dataSourceOptions(config: Config): DataSourceOptions {
  return {
    type: 'postgres',
    url: config.databaseUrl,
    applicationName: 'cairn',
    entities: [
      User,
      Session,
      PersonalToken,
      OneTimeToken,
      Goal,
      Task,
      TaskDependency,
      Tag,
      TaskTag,
      TimeEntry,
      Change,
      Mail,
      RateLimit,
      AdministrativeAct,
    ],
    migrations,
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    namingStrategy: new NamingStrategy(),
    logging: false, // it would show values; what SQL_ECHO asks for, Database writes
    poolSize: config.databasePoolSize,
    connectTimeoutMS: config.databasePoolTimeout * 1000,
    extra: {
      maxLifetimeSeconds: config.databasePoolRecycle,
      pipeline: true,
      statement_timeout: statementTimeout,
      lock_timeout: statementTimeout / 2,
      idle_in_transaction_session_timeout: 2 * statementTimeout,
      options: serverSettings,
    },
  };
}

/**
 * Makes sure that there is a database to talk to: the one that is named, or else the embedded one, which is also
 * migrated.
 * @throws Error when it cannot be reached · ConfigError when migrations are missing, or when the role is not one to
 * serve requests with
 */
export async function prepareDatabase(config: Config): Promise<Config> {
  const ready = await withDatabase(config);
  if (!config.databaseUrl) await onDatabase(migrationOptions(ready), migrate);
  await onDatabase(dataSourceOptions(ready), async (dataSource) => {
    await refuseMissingMigrations(dataSource);
    await refuseUnfitRole(dataSource, config.environment === 'production');
  });
  return ready;
}

/** The data source of the TypeORM CLI: it connects as the schema's owner. */
export async function commandLineDataSource(config: Config): Promise<DataSource> {
  return new DataSource(migrationOptions(await withDatabase(config)));
}

/** Applies what is missing. Several processes at once apply it once. */
async function migrate(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  // By asking again and again: an index that is made concurrently would wait for a statement that waits for the lock.
  const take = `SELECT pg_try_advisory_lock(hashtext('cairn migrations')) AS "isOurs"`;
  while (!((await lock.query(take)) as { isOurs: boolean }[])[0]?.isOurs) await delay(100);
  try {
    await dataSource.runMigrations();
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(hashtext('cairn migrations'))`);
    await lock.release();
  }
}

async function withDatabase(config: Config): Promise<Config> {
  if (config.databaseUrl) return config;
  const server = await startEmbeddedPostgres(join(dataFolder, 'postgres'));
  return Object.freeze(Object.assign(new Config(), config, await setUpDatabase(server, 'cairn')));
}

/** As the schema's owner, and without time limits: a migration may take as long as it needs. */
function migrationOptions(config: Config): DataSourceOptions {
  const extra = { options: serverSettings };
  // One connection holds the lock while another migrates.
  return {
    ...dataSourceOptions(config),
    url: config.migrationDatabaseUrl,
    poolSize: 2,
    extra,
  } as DataSourceOptions;
}

async function onDatabase(
  options: DataSourceOptions,
  work: (dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const dataSource = await new DataSource(options).initialize();
  try {
    await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

async function refuseMissingMigrations(dataSource: DataSource): Promise<void> {
  const [known] = await dataSource.query<{ isThere: boolean }[]>(
    `SELECT to_regprocedure('applied_migrations()') IS NOT NULL AS "isThere"`,
  );
  const applied = known?.isThere
    ? await dataSource.query<{ name: string }[]>('SELECT name FROM applied_migrations() name')
    : [];
  const missing = migrations
    .map(({ name }) => name)
    .filter((name) => !applied.some((done) => done.name === name));
  if (missing.length === 0) return;
  throw new ConfigError(
    `Cairn cannot start: these migrations are not applied: ${missing.join(', ')}. Apply them with: npm run migration:run`,
  );
}

/** A role that bypasses policies would leave owned rows to the application's care alone. */
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
