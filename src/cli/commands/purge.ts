import { Command } from 'commander';
import { Config, ConfigError } from '../../core/config';
import type { Database } from '../../database/database';
import { Purge } from '../../purge/purge';
import { withDatabase } from '../with-database';

export const command = new Command('purge')
  .description('run the hourly purge now: permanently delete old data')
  .option('--dry-run', 'only count what would be deleted')
  .action(({ dryRun = false }: { dryRun?: boolean }) =>
    withDatabase((database, config) => purgeNow(database, config, dryRun)),
  );

/** @throws ConfigError naming everything that could not be deleted */
async function purgeNow(database: Database, config: Config, isDryRun: boolean): Promise<string> {
  const purge = new Purge(database, config);
  if (isDryRun) return `Would delete ${await purge.dryRun()}`;
  const { deleted, failures } = await purge.run();
  const summary = `Deleted ${deleted}`;
  if (failures.length) throw new ConfigError([summary, 'Could not delete:', ...failures].join('\n  '));
  return summary;
}
