import { Command } from 'commander';
import { generateOrCheck } from '../../schema/migration-generate';

export const command = new Command('migration:generate')
  .description('write a migration from the database to the entities and .sql files (development only)')
  .argument('[name]', 'such as AddNotes')
  .option('--check', 'only check that there are no differences')
  .action(async (name: string | undefined, { check = false }: { check?: boolean }) => {
    if (check === (name !== undefined)) command.error('error: pass either a name or --check');
    process.stdout.write(`${await generateOrCheck(name)}\n`);
  });
