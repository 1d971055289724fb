import { Command } from 'commander';
import { backUp } from '../../schema/backup';

export const command = new Command('backup')
  .description('dump the database with pg_dump, as the role of BACKUP_DATABASE_URL')
  .requiredOption('--file <file>', 'the dump; its description is stored beside it, as <file>.json')
  .action(async ({ file }: { file: string }) => {
    process.stdout.write(`${await backUp(file, (line) => process.stderr.write(`${line}\n`))}\n`);
  });
