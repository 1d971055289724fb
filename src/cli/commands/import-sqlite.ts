import { Logger } from '@nestjs/common';
import { Command, InvalidArgumentError } from 'commander';
import { parseTimestamp } from '../../core/timestamps';
import { importSqlite, ImportSqliteOptions } from '../../imports/import-sqlite';
import { ProgressBar } from '../progress-bar';
import { withDatabase } from '../with-database';

type Options = Omit<ImportSqliteOptions, 'createOwner' | 'dryRun'> & { createOwner?: true; dryRun?: true };

/** From version 1.1.1 of the planner on, new tasks have a local created_at. */
const localSince = '2025-10-11T16:21:00Z';

export const command = new Command('import-sqlite')
  .description('import the SQLite file of the single-user planner into an account, and verify it')
  .requiredOption('--file <path>', 'usually ~/.business-agent/tasks.db')
  .requiredOption('--owner <email>', 'the account')
  .option('--create-owner', 'create the account if it does not exist, and mail a token to set its password')
  .requiredOption('--timezone <name>', 'IANA time zone of the local times in the file')
  .option(
    '--created-at-utc-before <time>',
    'when the planner was updated to version 1.1.1: created_at of earlier tasks is UTC, of later ones local',
    toTime,
    new Date(localSince),
  )
  .option('--dry-run', 'write and verify everything, then roll back')
  .option('--report <file>', 'Markdown; what is left out is written as JSON beside it')
  .action(async ({ createOwner, dryRun, ...options }: Options) => {
    // Slow statements are expected here.
    Logger.overrideLogger(false);
    const bar = new ProgressBar();
    const onProgress = bar.update.bind(bar);
    await withDatabase((database, config) =>
      importSqlite(
        database,
        config,
        { ...options, createOwner: createOwner ?? false, dryRun: dryRun ?? false },
        onProgress,
      ).finally(() => bar.clear()),
    );
  });

function toTime(text: string): Date {
  const timestamp = parseTimestamp(text);
  if (timestamp === undefined)
    throw new InvalidArgumentError('Use a timestamp such as 2025-10-11T16:21:00Z.');
  return new Date(timestamp);
}
