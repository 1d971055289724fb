import { Command } from 'commander';
import { lintMigrations } from '../../schema/migration-lint';

export const command = new Command('migration:lint')
  .description('check the SQL of the migrations with squawk (development only)')
  .action(async () => {
    process.stdout.write(`${await lintMigrations()}\n`);
  });
