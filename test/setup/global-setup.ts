import 'reflect-metadata';
import { loadConfig } from '../../src/core/config';
import { setUpDatabase } from '../../src/database/set-up-database';
import { migrationOptions, withDataSource } from '../../src/schema/data-source';
import { onDatabase, template, testServer } from './server';

/** Starts PostgreSQL once and migrates the template database that each test file clones. */
export default async function globalSetup(): Promise<void> {
  const server = await testServer();
  await onDatabase(server, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname LIKE 'cairn_test%'`,
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
  });
  const { migrationDatabaseUrl } = await setUpDatabase(server, template);
  const config = loadConfig({ DATABASE_URL: migrationDatabaseUrl, JWT_SECRET_KEY: 'x'.repeat(32) });
  await withDataSource(migrationOptions(config), (dataSource) => dataSource.runMigrations());
  process.env.CAIRN_TEST_SERVER = server;
}
