import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import cliDataSource from './cli-data-source';
import { migrationFile } from './migration-file';
import { findDifferences, generateMigration } from './migration-generator';
import { report } from './schema-diff';

/*
 * npm run migration:generate -- Name     writes a migration from the database to the entities and .sql files
 * npm run migration:generate -- --check  exits with 1 if the migrated database differs from them
 */
async function main([argument = '', ...others]: string[]): Promise<number> {
  const isCheck = argument === '--check';
  if (!argument || others.length > 0 || (!isCheck && argument.startsWith('-'))) {
    return print('Usage: npm run migration:generate -- Name, or: npm run migration:generate -- --check', 1);
  }
  const dataSource = await (await cliDataSource).initialize();
  try {
    if (await dataSource.showMigrations()) {
      return print('The database lacks migrations. Apply them first: npm run migration:run', 1);
    }
    return isCheck ? await check(dataSource) : await generate(dataSource, argument);
  } finally {
    await dataSource.destroy();
  }
}

async function check(dataSource: DataSource): Promise<number> {
  const found = await findDifferences(dataSource);
  if (found.length === 0) return print('No differences', 0);
  return print(`The database differs from the entities and the .sql files:\n${report(found)}`, 1);
}

async function generate(dataSource: DataSource, name: string): Promise<number> {
  migrationFile(name, 0, { up: [], down: [] }); // throws early if the name is invalid
  const migration = await generateMigration(dataSource);
  if (!migration) return print('No differences: there is nothing to migrate.', 0);
  const { fileName, text } = migrationFile(name, nextTimestamp(dataSource), migration);
  writeFileSync(join(__dirname, 'migrations', fileName), text, { flag: 'wx' });
  return print(
    `Written: src/schema/migrations/${fileName}\nReview it: a renamed column is dropped and added.`,
    0,
  );
}

/** Later than the last migration, even if the clock is slow: migrations run in the order of their timestamps. */
function nextTimestamp({ migrations }: DataSource): number {
  const timestamps = migrations.map(({ name, constructor }) =>
    Number(/\d{13}$/.exec(name ?? constructor.name)?.[0]),
  );
  return Math.max(Date.now(), ...timestamps.map((timestamp) => timestamp + 1));
}

function print(text: string, exitCode: number): number {
  process.stdout.write(`${text}\n`);
  return exitCode;
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(1);
  },
);
