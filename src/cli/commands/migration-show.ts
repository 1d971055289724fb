import { Command } from 'commander';
import { connected } from '../../schema/data-source';
import { configuredMigrations } from '../../schema/migration-data-source';

export const command = new Command('migration:show')
  .description('list the applied ([X]) and the pending ([ ]) migrations')
  .action(async () =>
    connected(await configuredMigrations(), async (dataSource) => {
      await dataSource.showMigrations();
    }),
  );
