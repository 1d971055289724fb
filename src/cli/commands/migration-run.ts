import { Command } from 'commander';
import { connected } from '../../schema/data-source';
import { configuredMigrations } from '../../schema/migration-data-source';

export const command = new Command('migration:run')
  .description('apply the pending migrations')
  .option('--dry-run', 'only print their SQL')
  .action(async ({ dryRun = false }: { dryRun?: boolean }) =>
    connected(await configuredMigrations(), async ({ migrator }) => {
      if (dryRun) process.stdout.write(await migrator.dryRun());
      else await migrator.run();
    }),
  );
