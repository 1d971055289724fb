import { join } from 'node:path';
import { DataSource } from 'typeorm';
import type { PostgresDataSourceOptions } from 'typeorm/driver/postgres/PostgresDataSourceOptions';
import { Config, ConfigError, UrlVariable } from '../core/config';
import { NamingStrategy } from '../database/naming-strategy';
import { entities } from './entities';

const schemaOptions = {
  type: 'postgres',
  applicationName: 'cairn',
  entities,
  // A pattern, so that a new migration needs no change here. It matches the sources and the compiled files alike.
  migrations: [join(__dirname, 'migrations', '*.{ts,js}')],
  migrationsTableName: 'migrations',
  migrationsTransactionMode: 'each',
  namingStrategy: new NamingStrategy(),
  logging: false, // would include values; with SQL_ECHO, ConnectionPool logs the statements without them
} satisfies PostgresDataSourceOptions;

/**
 * The options of the application, and the basis of those of the tests and the benchmarks. They contain no start-up
 * parameters that a pooler refuses: see `roleSettings`.
 */
export function dataSourceOptions(config: Config): PostgresDataSourceOptions {
  return {
    ...schemaOptions,
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    connectTimeoutMS: config.databasePoolTimeout * 1000,
    extra: {
      maxLifetimeSeconds: config.databasePoolRecycle,
    },
  };
}

/** For the commands of operators, without time limits: a migration may take as long as it needs. */
export function migrationOptions(url: string): PostgresDataSourceOptions {
  return { ...schemaOptions, url, poolSize: 2, connectTimeoutMS: 30_000 };
}

/** A data source that explains to the operator why it cannot connect. */
export class ConfiguredDataSource extends DataSource {
  /** @param variable the environment variable that the URL comes from */
  constructor(
    options: PostgresDataSourceOptions,
    private readonly variable: UrlVariable,
  ) {
    super(options);
  }

  /** @throws ConfigError that names the variable and the server, without the password */
  override async initialize(): Promise<this> {
    try {
      return await super.initialize();
    } catch (error) {
      const { hostname, port, pathname, username } = new URL(
        (this.options as PostgresDataSourceOptions).url!,
      );
      const { message, code } = error as Error & { code?: string };
      const problem = new ConfigError(
        `Cairn cannot start: the connection to the database of ${this.variable} failed: ${message || code}. Check that ` +
          `PostgreSQL runs at ${decodeURIComponent(hostname)}:${port || 5432}, and that ${username} may connect to ${pathname.slice(1)} with the ` +
          `password of ${this.variable}.`,
      );
      problem.stack = undefined; // the TypeORM CLI would print it
      throw problem;
    }
  }

  /** The server, database and role of the connections, for the operator. */
  async describe(): Promise<string> {
    const [row] = await this.query<{ database: string; role: string }[]>(
      'SELECT current_database() AS database, current_user AS role',
    );
    const { master } = this.driver as unknown as { master: { connect(): Promise<Connection> } };
    const connection = await master.connect();
    connection.release();
    return `Database ${row!.database} at ${connection.host}:${connection.port} as ${row!.role}`;
  }
}

/** A connection of the pool, which knows the server even where the URL leaves it to a default. */
interface Connection {
  host: string;
  port: number;
  release(): void;
}

/** Connects, runs `work`, and disconnects. */
export async function connected<T, Source extends DataSource>(
  dataSource: Source,
  work: (dataSource: Source) => Promise<T>,
): Promise<T> {
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** The same, with the database of DATABASE_URL. */
export function withDataSource<T>(
  options: PostgresDataSourceOptions,
  work: (dataSource: ConfiguredDataSource) => Promise<T>,
): Promise<T> {
  return connected(new ConfiguredDataSource(options, 'DATABASE_URL'), work);
}
