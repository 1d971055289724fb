import { Command } from 'commander';
import { connected } from '../../schema/data-source';
import { configuredMigrations } from '../../schema/migration-data-source';
import { formatDatabaseReport, readDatabaseReport } from '../database-report';

export const command = new Command('db:report')
  .description(
    'show the state of the database: indexes, slow statements, sizes, locks, connections, replication',
  )
  .option('--json', 'as JSON, for programs')
  .action(async ({ json = false }: { json?: boolean }) =>
    connected(await configuredMigrations(), async (dataSource) => {
      const report = await readDatabaseReport(dataSource);
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : formatDatabaseReport(report));
    }),
  );
