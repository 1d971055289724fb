import { Config, loadConfig } from '../core/config';
import { Database } from '../database/database';
import { dataSourceOptions, withDataSource } from '../schema/data-source';
import { prepareDatabase } from '../schema/prepare-database';

/**
 * Runs a command on the database of the application, DATABASE_URL. Tells the operator which database that is, and prints
 * the returned message.
 * @param check may refuse the configuration before anything is connected
 */
export async function withDatabase(
  work: (database: Database, config: Config) => Promise<string>,
  check?: (config: Config) => void,
): Promise<void> {
  const config = loadConfig();
  for (const warning of config.warnings) process.stderr.write(`${warning}\n`);
  check?.(config);
  const ready = await prepareDatabase(config);
  const message = await withDataSource(dataSourceOptions(ready), async (dataSource) => {
    process.stderr.write(`${await dataSource.describe()}\n`);
    return work(new Database(dataSource, ready), ready);
  });
  process.stdout.write(`${message}\n`);
}
