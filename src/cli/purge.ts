import { Config, ConfigError } from '../core/config';
import type { Database } from '../database/database';
import { purge } from '../purge/purge';

/** Runs the hourly purge immediately. With `--dry-run`, only counts what it would delete. */
export async function purgeNow(database: Database, args: string[], config: Config): Promise<string> {
  const [option, ...more] = args;
  if ((option !== undefined && option !== '--dry-run') || more.length) {
    throw new ConfigError('Usage: npm run cli -- purge [--dry-run]');
  }
  const isDryRun = option !== undefined;
  return `${isDryRun ? 'Would delete' : 'Deleted'} ${await purge(database, config, isDryRun)}`;
}
