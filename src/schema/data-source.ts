import { join } from 'node:path';
import { DataSource, DataSourceOptions } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions';
import { Config } from '../core/config';
import { NamingStrategy } from '../database/naming-strategy';
import { entities } from './entities';

/** Milliseconds. The server cancels a statement that takes longer; the response is 503. */
const statementTimeout = 8000;

/**
 * UTC; page costs of a solid-state disk, so that an index that provides the order is used; and generic plans only
 * (docs/decisions/0016).
 */
export const serverSettings = '-c timezone=UTC -c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan';

/** The one description of the database, for the application, the TypeORM CLI, the tests and the benchmarks. */
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
    logging: false, // it would show values; Database logs the statements that SQL_ECHO asks for
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

/** Runs `work` on a data source that is open for this time only. */
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
