import { Client } from 'pg';
import { storeSettingsSql } from './role-settings';

/** The URLs of one database for its roles. */
export interface DatabaseUrls {
  databaseUrl: string;
  migrationDatabaseUrl: string;
  backupDatabaseUrl: string;
}

/**
 * Creates a database with an owner, a login role and a role for backups if they do not exist, as docs/operations.md
 * describes for any server. The roles get the superuser's password.
 * @param server the URL of a superuser's database
 */
export async function setUpDatabase(server: string, name: string): Promise<DatabaseUrls> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('cairn set-up'))`);
    const password = client.escapeLiteral(decodeURIComponent(new URL(server).password));
    for (const [role, attributes] of [
      ['cairn_owner', 'LOGIN CREATEROLE'],
      ['cairn_login', 'LOGIN NOINHERIT'],
      ['cairn_backup', 'LOGIN BYPASSRLS'],
    ] as const) {
      const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
      await client.query(`${rowCount ? 'ALTER' : 'CREATE'} ROLE ${role} ${attributes} PASSWORD ${password}`);
    }
    await client.query(storeSettingsSql('cairn_login'));
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (!rowCount) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)} OWNER cairn_owner`);
  } finally {
    await client.end();
  }
  return {
    databaseUrl: urlOf(server, name, 'cairn_login'),
    migrationDatabaseUrl: urlOf(server, name, 'cairn_owner'),
    backupDatabaseUrl: urlOf(server, name, 'cairn_backup'),
  };
}

/** Lets the owner read all statistics, with db:report. The server must have been started with `statisticsSettings`. */
export async function enableStatistics(server: string, name: string): Promise<void> {
  const client = new Client({ connectionString: urlOf(server, name, 'postgres') });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('cairn set-up'))`);
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements; GRANT pg_monitor TO cairn_owner');
  } finally {
    await client.end();
  }
}

export const statisticsSettings = ['shared_preload_libraries=pg_stat_statements'];

function urlOf(server: string, name: string, username: string): string {
  return Object.assign(new URL(server), { username, pathname: `/${name}` }).toString();
}
