import { join } from 'node:path';
import { Client } from 'pg';
import { dataFolder } from '../../src/core/config';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres';

/** The database that every test file clones. */
export const template = 'cairn_test_template';

/** The PostgreSQL server of the tests: `TEST_DATABASE_URL`, for a superuser, or an embedded one. */
export async function testServer(): Promise<string> {
  // Without autovacuum, plans depend on the data of the test alone.
  const settings = [
    ...['fsync=off', 'synchronous_commit=off', 'full_page_writes=off'],
    ...['autovacuum=off', 'max_connections=200'],
  ];
  return process.env.TEST_DATABASE_URL ?? embeddedServer('test-postgres', settings);
}

/** An embedded server, over TCP: tests put proxies in between. @param name of its folder */
export async function embeddedServer(name: string, settings: string[]): Promise<string> {
  const url = new URL(await startEmbeddedPostgres(join(dataFolder, name), settings));
  return Object.assign(url, { hostname: '127.0.0.1' }).toString();
}

/** The URL with another role: all roles have the same password. */
export function asRole(url: string, role: 'cairn_login' | 'cairn_owner' | 'cairn_backup'): string {
  return Object.assign(new URL(url), { username: role }).toString();
}

/** Runs statements on a separate connection. */
export async function onDatabase<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
