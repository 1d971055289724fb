import 'reflect-metadata';
import { loadConfig } from './src/config';
import { commandLineDataSource } from './src/database/data-source';

export default commandLineDataSource(loadConfig());
