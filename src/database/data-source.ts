import { join } from 'node:path';
import { DataSource, DataSourceOptions } from 'typeorm';
import { Session } from '../auth/session.entity';
import { Config, ConfigError, dataFolder } from '../config';
import { Goal } from '../goals/goal.entity';
import { Task } from '../tasks/task.entity';
import { User } from '../users/user.entity';
import { startEmbeddedPostgres } from './embedded-postgres';
import { migrations } from './migrations';
import { NamingStrategy } from './naming-strategy';

/** Milliseconds. A statement that takes longer is ended by the server, and answered with 503. */
const statementTimeout = 8000;

/** Times in UTC; and pages cost on a solid-state disk what they cost, so that an index that gives the order is used. */
export const serverSettings = '-c timezone=UTC -c random_page_cost=1.1';

/** The one description of the database: the application, the TypeORM CLI, the tests and the benchmarks use it. */
export function dataSourceOptions(config: Config): DataSourceOptions {
  return {
    type: 'postgres',
    url: config.databaseUrl,
    applicationName: 'cairn',
    entities: [User, Session, Goal, Task],
    migrations,
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    namingStrategy: new NamingStrategy(),
    logging: config.sqlEcho,
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
 * @throws Error when it cannot be reached · ConfigError when migrations are missing
 */
export async function prepareDatabase(config: Config): Promise<Config> {
  const ready = await withDatabase(config);
  const dataSource = await new DataSource(commandLineOptions(ready)).initialize();
  try {
    if (config.databaseUrl) await refuseMissingMigrations(dataSource);
    else await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
  return ready;
}

/** The data source of the TypeORM CLI. */
export async function commandLineDataSource(config: Config): Promise<DataSource> {
  return new DataSource(commandLineOptions(await withDatabase(config)));
}

/** Applies what is missing. Several processes at once apply it once. */
export async function migrate(dataSource: DataSource): Promise<void> {
  const lock = dataSource.createQueryRunner();
  await lock.query(`SELECT pg_advisory_lock(hashtext('cairn migrations'))`);
  try {
    await dataSource.runMigrations();
  } finally {
    await lock.query(`SELECT pg_advisory_unlock(hashtext('cairn migrations'))`);
    await lock.release();
  }
}

async function withDatabase(config: Config): Promise<Config> {
  const databaseUrl = config.databaseUrl ?? (await startEmbeddedPostgres(join(dataFolder, 'postgres')));
  return Object.freeze(Object.assign(new Config(), config, { databaseUrl }));
}

/** Without time limits: a migration may take as long as it needs. */
function commandLineOptions(config: Config): DataSourceOptions {
  const extra = { options: serverSettings };
  return { ...dataSourceOptions(config), extra };
}

async function refuseMissingMigrations(dataSource: DataSource): Promise<void> {
  const isMigrated = await dataSource.query<[{ table: string | null }]>(
    `SELECT to_regclass('migrations') AS table`,
  );
  const applied = isMigrated[0].table
    ? await dataSource.query<{ name: string }[]>('SELECT name FROM migrations')
    : [];
  const missing = migrations
    .map(({ name }) => name)
    .filter((name) => !applied.some((done) => done.name === name));
  if (missing.length === 0) return;
  throw new ConfigError(
    `Cairn cannot start: the database lacks ${missing.join(', ')}. Apply what is missing: npm run migration:run`,
  );
}
