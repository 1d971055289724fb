import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { Config, loadConfig } from '../core/config';
import { migrationOptions } from './data-source';
import { withDatabase } from './prepare-database';

/** The data source of the TypeORM CLI, which connects as the schema owner. */
async function cliDataSource(config: Config): Promise<DataSource> {
  return new DataSource(migrationOptions(await withDatabase(config)));
}

/** ormconfig.ts exports it too; `-d dist/schema/cli-data-source.js` works without TypeScript. */
export default cliDataSource(loadConfig());
