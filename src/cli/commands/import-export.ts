import { Logger } from '@nestjs/common';
import { Command } from 'commander';
import { importExport, ImportExportOptions } from '../../imports/import-export';
import { ProgressBar } from '../progress-bar';
import { withDatabase } from '../with-database';

type Options = Pick<ImportExportOptions, 'file' | 'owner'> & Partial<ImportExportOptions>;

export const command = new Command('import-export')
  .description('import an export of a user, as GET /users/me/export returns it, into an account')
  .requiredOption('--file <path>', 'the export')
  .requiredOption('--owner <email>', 'the account')
  .option('--create-owner', 'create the account if it does not exist, and mail a token to set its password')
  .option('--dry-run', 'write everything, then roll back')
  .action(async ({ createOwner = false, dryRun = false, ...options }: Options) => {
    // Slow statements are expected here.
    Logger.overrideLogger(false);
    const bar = new ProgressBar();
    const onProgress = bar.update.bind(bar);
    await withDatabase((database, config) =>
      importExport(database, config, { ...options, createOwner, dryRun }, onProgress).finally(() =>
        bar.clear(),
      ),
    );
  });
