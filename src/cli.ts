import 'reflect-metadata';
import { promoteUser } from './cli/promote-user';
import { purgeNow } from './cli/purge';
import { seed } from './cli/seed';
import { Config, ConfigError, loadConfig } from './core/config';
import { Database } from './database/database';
import { dataSourceOptions, withDataSource } from './schema/data-source';
import { prepareDatabase } from './schema/prepare-database';

type Command = (database: Database, args: string[], config: Config) => Promise<string>;

/** The operator's commands. Each returns a message about what it did. */
const commands: Record<string, Command> = { seed, 'user:promote': promoteUser, purge: purgeNow };

async function main([name = '', ...args]: string[]): Promise<void> {
  const command = commands[name];
  if (!command)
    throw new ConfigError(`Usage: npm run cli -- COMMAND. Commands: ${Object.keys(commands).join(', ')}`);
  const config = loadConfig();
  if (command === seed && config.environment === 'production') {
    throw new ConfigError('The demo accounts have a known password and are not for production.');
  }
  const options = dataSourceOptions(await prepareDatabase(config));
  const result = await withDataSource(options, (dataSource) =>
    command(new Database(dataSource, config), args, config),
  );
  process.stdout.write(`${result}\n`);
}

main(process.argv.slice(2))
  .then(() => process.exit(0))
  .catch((error: unknown) => {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`,
    );
    process.exit(1);
  });
