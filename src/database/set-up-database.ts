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
  const urlOf = (username: string) =>
    Object.assign(new URL(server), { username, pathname: `/${name}` }).toString();
  return {
    databaseUrl: urlOf('cairn_login'),
    migrationDatabaseUrl: urlOf('cairn_owner'),
    backupDatabaseUrl: urlOf('cairn_backup'),
  };
}
