import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { ConfigError, loadMigrationConfig, projectFolder } from '../core/config';
import { connected } from './data-source';
import { configuredMigrations } from './migration-data-source';
import { migrationFile } from './migration-file';
import { findDifferences, generateMigration } from './migration-generator';
import { report } from './schema-diff';

const sources = join(projectFolder, 'src');

/**
 * Writes a migration from the database to the entities and .sql files.
 * @param name undefined to only check that there are no differences
 * @returns a message for the developer
 * @throws ConfigError with the differences, in production, or without the sources
 */
export async function generateOrCheck(name: string | undefined): Promise<string> {
  if (loadMigrationConfig().environment === 'production' || !existsSync(sources)) {
    throw new ConfigError('This command is for development. It needs the sources in src.');
  }
  return connected(await configuredMigrations(), async (dataSource) => {
    const all = await dataSource.migrator.status();
    if (all.some(({ id }) => id === undefined)) {
      throw new ConfigError('The database lacks migrations. Apply them first: npm run migration:run');
    }
    const message = name === undefined ? check(dataSource) : generate(dataSource, name);
    return message.catch((error: unknown) => {
      throw new ConfigError((error as Error).message, { cause: error });
    });
  });
}

async function check(dataSource: DataSource): Promise<string> {
  const found = await findDifferences(dataSource);
  if (found.length === 0) return 'No differences';
  throw new ConfigError(`The database differs from the entities and the .sql files:\n${report(found)}`);
}

async function generate(dataSource: DataSource, name: string): Promise<string> {
  migrationFile(name, 0, { up: [], down: [] }); // throws early if the name is invalid
  const migration = await generateMigration(dataSource);
  if (!migration) return 'No differences: there is nothing to migrate.';
  const { fileName, text } = migrationFile(name, nextTimestamp(dataSource), migration);
  writeFileSync(join(sources, 'schema/migrations', fileName), text, { flag: 'wx' });
  return (
    `Written: src/schema/migrations/${fileName}\n` +
    'Review it: a renamed column is dropped and added. See docs/operations.md, "Writing migrations".'
  );
}

/** Later than the last migration, even if the clock is slow: migrations run in the order of their timestamps. */
function nextTimestamp({ migrations }: DataSource): number {
  const timestamps = migrations.map(({ name, constructor }) =>
    Number(/\d{13}$/.exec(name ?? constructor.name)?.[0]),
  );
  return Math.max(Date.now(), ...timestamps.map((timestamp) => timestamp + 1));
}
