import 'reflect-metadata';
import { loadConfig } from '../core/config';
import { commandLineDataSource } from './data-source';

/** For the TypeORM CLI: ormconfig.ts hands it on, and `-d dist/database/cli-data-source.js` works without TypeScript. */
export default commandLineDataSource(loadConfig());
