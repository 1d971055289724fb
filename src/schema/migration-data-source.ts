import { join } from 'node:path';
import { Migration } from 'typeorm';
import { ConfigError, dataFolder, loadMigrationConfig, MigrationConfig } from '../core/config';
import { startEmbeddedPostgres } from '../database/embedded-postgres';
import {
  DatabaseUrls,
  enableStatistics,
  setUpDatabase,
  statisticsSettings,
} from '../database/set-up-database';
import { confirm } from './confirm';
import { ConfiguredDataSource, connected, migrationOptions } from './data-source';
import { MigrationStatus, Migrator } from './migrator';

/** As the TypeORM CLI passes them. */
interface TypeOrmOptions {
  transaction?: 'all' | 'none' | 'each';
  fake?: boolean;
}

/**
 * Migrates with `Migrator`, for the TypeORM CLI too: its commands call these methods. Commands that change the schema
 * without a migration are refused.
 */
export class MigrationDataSource extends ConfiguredDataSource {
  readonly migrator: Migrator;

  /** @param log receives lines for the operator */
  constructor(
    url: string,
    variable: MigrationConfig['variable'],
    private readonly log: (line: string) => void = writeError,
  ) {
    super(migrationOptions(url), variable);
    this.migrator = new Migrator(this, log);
  }

  /** Connects, and tells the operator to which database. */
  override async initialize(): Promise<this> {
    await super.initialize();
    this.log(await this.describe());
    return this;
  }

  override async runMigrations(options?: TypeOrmOptions): Promise<Migration[]> {
    refuseOptions(options);
    const applied = await this.migrator.run();
    return applied.map(
      ({ name, timestamp, instance }) => new Migration(undefined, timestamp, name, instance),
    );
  }

  override async undoLastMigration(options?: TypeOrmOptions): Promise<void> {
    refuseOptions(options);
    await this.migrator.revert(undefined, confirmRevert);
  }

  /** Prints all migrations. @returns whether one is pending */
  override async showMigrations(): Promise<boolean> {
    const all = await this.migrator.status();
    process.stdout.write(all.map((status) => `${line(status)}\n`).join(''));
    return all.some(({ id }) => id === undefined);
  }

  override dropDatabase(): Promise<void> {
    throw new ConfigError('Cairn does not support this command. To delete the data, drop the database.');
  }

  override synchronize(): Promise<void> {
    throw new ConfigError('Cairn does not support this command. Use: npm run migration:run');
  }
}

/** The data source of the migration commands: MIGRATION_DATABASE_URL, DATABASE_URL, or the embedded database. */
export async function configuredMigrations(): Promise<MigrationDataSource> {
  const { url, variable, warnings } = loadMigrationConfig();
  warnings.forEach(writeError);
  return new MigrationDataSource(url ?? (await embeddedDatabase()).migrationDatabaseUrl, variable);
}

/** Starts the embedded database. */
export async function embeddedDatabase(): Promise<DatabaseUrls> {
  const server = await startEmbeddedPostgres(join(dataFolder, 'postgres'), statisticsSettings);
  const urls = await setUpDatabase(server, 'cairn');
  await enableStatistics(server, 'cairn');
  return urls;
}

/** Applies the pending migrations to a database of development, tests or benchmarks. */
export async function migrate(url: string): Promise<void> {
  const dataSource = new MigrationDataSource(url, 'MIGRATION_DATABASE_URL', () => undefined);
  await connected(dataSource, () => dataSource.migrator.run());
}

/** @throws ConfigError unless the operator agrees */
export function confirmRevert(names: string[]): Promise<void> {
  return confirm(`Reverting ${names.join(', ')} can delete data.`, 'npm run migration:revert -- --yes');
}

function refuseOptions({ transaction = 'each', fake = false }: TypeOrmOptions = {}): void {
  if (transaction === 'each' && !fake) return;
  throw new ConfigError('Cairn applies each migration in a separate transaction, and supports no --fake.');
}

function line({ name, id, isKnown, isEdited }: MigrationStatus): string {
  if (id === undefined) return `[ ] ${name}`;
  if (!isKnown) return `[X] ${id} ${name} (not in this version)`;
  return `[X] ${id} ${name}${isEdited ? ' (edited after it was applied)' : ''}`;
}

function writeError(text: string): void {
  process.stderr.write(`${text}\n`);
}
