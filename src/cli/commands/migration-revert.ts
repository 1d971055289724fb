import { Command } from 'commander';
import { connected } from '../../schema/data-source';
import { configuredMigrations, confirmRevert } from '../../schema/migration-data-source';

export const command = new Command('migration:revert')
  .description('revert the last applied migration; can delete data')
  .option('--to <name>', 'revert all migrations that were applied after this one')
  .option('--yes', 'do not ask for confirmation')
  .action(async ({ to, yes = false }: { to?: string; yes?: boolean }) =>
    connected(await configuredMigrations(), async ({ migrator }) => {
      await migrator.revert(to, yes ? () => Promise.resolve() : confirmRevert);
    }),
  );
