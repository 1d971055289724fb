import 'reflect-metadata';
import { configuredMigrations } from './migration-data-source';

/** The data source of the TypeORM CLI. ormconfig.ts exports it too; `-d dist/schema/cli-data-source.js` needs no TypeScript. */
export default configuredMigrations();
