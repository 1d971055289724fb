import { Command } from 'commander';
import { importAccounts } from '../../imports/import-accounts';
import { withDatabase } from '../with-database';

export const command = new Command('import-users')
  .description('create accounts from a CSV or JSON file, with their password hashes')
  .requiredOption('--file <path>', 'the file')
  .option('--dry-run', 'only check the file')
  .action(({ file, dryRun = false }: { file: string; dryRun?: boolean }) =>
    withDatabase((database, config) => importAccounts(database, config, file, dryRun)),
  );
