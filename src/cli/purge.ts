import { Config, ConfigError } from '../core/config';
import type { Database } from '../database/database';
import { Purge } from '../purge/purge';

/**
 * Runs the hourly purge immediately. With `--dry-run`, only counts what it would delete.
 * @throws ConfigError naming everything that could not be deleted
 */
export async function purgeNow(database: Database, args: string[], config: Config): Promise<string> {
  const [option, ...more] = args;
  if ((option !== undefined && option !== '--dry-run') || more.length) {
    throw new ConfigError('Usage: npm run cli -- purge [--dry-run]');
  }
  const purge = new Purge(database, config);
  if (option !== undefined) return `Would delete ${await purge.dryRun()}`;
  const { deleted, failures } = await purge.run();
  const summary = `Deleted ${deleted}`;
  if (failures.length) throw new ConfigError([summary, 'Could not delete:', ...failures].join('\n  '));
  return summary;
}
