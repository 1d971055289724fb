import { Command } from 'commander';
import { restore } from '../../schema/restore';

export const command = new Command('restore')
  .description('restore a backup into the empty database of MIGRATION_DATABASE_URL')
  .requiredOption('--file <file>', 'the dump; <file>.json must be beside it')
  .option('--yes', 'do not ask for confirmation')
  .action(async ({ file, yes = false }: { file: string; yes?: boolean }) => {
    process.stdout.write(`${await restore(file, yes, (line) => process.stderr.write(`${line}\n`))}\n`);
  });
