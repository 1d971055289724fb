import 'reflect-metadata';
import { setUpDatabase } from '../../src/database/set-up-database';
import { migrate } from '../../src/schema/migration-data-source';
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
  await migrate(migrationDatabaseUrl);
  process.env.CAIRN_TEST_SERVER = server;
}
