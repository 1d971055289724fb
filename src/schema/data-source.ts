import { join } from 'node:path';
import { DataSource, DataSourceOptions } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions';
import { Config } from '../core/config';
import { NamingStrategy } from '../database/naming-strategy';
import { entities } from './entities';

/** Milliseconds. The server cancels a statement that takes longer; the response is 503. */
const statementTimeout = 8000;

/**
 * UTC; page costs of a solid-state disk, so that PostgreSQL prefers indexes that provide the order; and only generic plans
 * (docs/decisions/0016).
 */
export const serverSettings = '-c timezone=UTC -c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan';

/** The options of the application, and the basis of those of the TypeORM CLI, the tests and the benchmarks. */
export function dataSourceOptions(config: Config): PostgresDataSourceOptions {
  return {
    type: 'postgres',
    url: config.databaseUrl,
    applicationName: 'cairn',
    entities,
    // A pattern, so that a new migration needs no change here. It matches the sources and the compiled files alike.
    migrations: [join(__dirname, 'migrations', '*.{ts,js}')],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    namingStrategy: new NamingStrategy(),
    logging: false, // would include values; with SQL_ECHO, ConnectionPool logs the statements without them
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

/** Connects as the schema owner, without time limits: a migration may take as long as it needs. */
export function migrationOptions(config: Config): PostgresDataSourceOptions {
  return {
    ...dataSourceOptions(config),
    url: config.migrationDatabaseUrl,
    poolSize: 2, // one connection holds the lock while another migrates
    extra: { options: serverSettings },
  };
}

/** Connects, runs `work`, and disconnects. */
export async function withDataSource<T>(
  options: DataSourceOptions,
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const dataSource = await new DataSource(options).initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}
