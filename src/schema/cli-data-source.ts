import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import { Config, loadConfig } from '../core/config';
import { ConfiguredDataSource, migrationOptions } from './data-source';
import { withDatabase } from './prepare-database';

/** The data source of the TypeORM CLI, which connects as the schema owner. */
async function cliDataSource(config: Config): Promise<DataSource> {
  const variable =
    config.migrationDatabaseUrl === config.databaseUrl ? 'DATABASE_URL' : 'MIGRATION_DATABASE_URL';
  return new ConfiguredDataSource(migrationOptions(await withDatabase(config)), variable);
}

/** ormconfig.ts exports it too; `-d dist/schema/cli-data-source.js` works without TypeScript. */
export default cliDataSource(loadConfig());
