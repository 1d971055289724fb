import 'reflect-metadata';
import { DataSource } from 'typeorm';
import { loadConfig } from '../../src/config';
import { dataSourceOptions } from '../../src/database/data-source';
import { databaseUrl, onDatabase, template, testServer } from './server';

/** Starts PostgreSQL once, and migrates the template that each test file clones. */
export default async function globalSetup(): Promise<void> {
  const server = await testServer();
  await onDatabase(server, async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      `SELECT datname FROM pg_database WHERE datname LIKE 'cairn_test%'`,
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${template}`);
  });
  const config = loadConfig({ DATABASE_URL: databaseUrl(server, template), JWT_SECRET_KEY: 'x'.repeat(32) });
  const dataSource = await new DataSource(dataSourceOptions(config)).initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
  process.env.CAIRN_TEST_SERVER = server;
}
