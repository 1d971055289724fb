import type { QueryRunner } from 'typeorm';
import { ConfigError } from '../core/config';
import { storeSettingsSql } from '../database/role-settings';

/** The roles that a schema needs besides its owner. They belong to the whole server. Migrations contain frozen copies. */
const roles: Record<string, string> = {
  cairn_app: 'NOLOGIN',
  cairn_auth: 'NOLOGIN',
  cairn_admin: 'NOLOGIN',
  cairn_purge: 'NOLOGIN',
  cairn_login: 'LOGIN NOINHERIT',
  cairn_backup: 'LOGIN BYPASSRLS',
};

/** The roles that cairn_login and the schema owner can switch to. */
const restrictedRoles = ['cairn_app', 'cairn_auth', 'cairn_admin', 'cairn_purge'];

/**
 * Prepares the server and the database for a restore: creates the missing roles with their memberships and settings, and
 * revokes the privileges of PUBLIC on the database, if the current role may do so. A dump contains none of this.
 * @returns sentences that tell the operator what remains to be done
 * @throws ConfigError with the statements for a superuser
 */
export async function prepareRoles(runner: QueryRunner): Promise<string[]> {
  const remaining: string[] = [];
  const existing = await names(runner, 'SELECT rolname AS name FROM pg_roles');
  for (const name of Object.keys(roles).filter((role) => !existing.includes(role))) {
    remaining.push(...(await createRole(runner, name)));
  }
  if (!existing.includes('cairn_login')) await runner.query(storeSettingsSql('cairn_login'));
  const memberships = await names(
    runner,
    `SELECT format('GRANT %I TO %I', role, member) AS name
     FROM unnest($1::text[]) role, unnest(ARRAY['cairn_login', current_user]) member
     WHERE NOT pg_has_role(member, role,
       CASE WHEN current_setting('server_version_num')::integer < 160000 THEN 'MEMBER' ELSE 'SET' END)`,
    [restrictedRoles],
  );
  for (const grant of memberships) await runOrExplain(runner, grant);
  const revokes = await names(
    runner,
    `SELECT format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM PUBLIC', datname) AS name FROM pg_database
     WHERE datname = current_database() AND pg_has_role(current_user, datdba, 'USAGE')`,
  );
  for (const revoke of revokes) await runner.query(revoke);
  if (revokes.length === 0) remaining.push('Revoke the privileges of PUBLIC: docs/operations.md, "Roles".');
  return remaining;
}

async function createRole(runner: QueryRunner, name: string): Promise<string[]> {
  const remaining = roles[name]!.startsWith('LOGIN')
    ? [`Set a password: ALTER ROLE ${name} PASSWORD '…'`]
    : [];
  try {
    await runner.query(`CREATE ROLE ${name} ${roles[name]}`);
    return remaining;
  } catch (error) {
    if (!isRefused(error) || name !== 'cairn_backup')
      throw explained(error, `CREATE ROLE ${name} ${roles[name]}`);
  }
  // Without BYPASSRLS, so that its grants can be restored.
  await runOrExplain(runner, `CREATE ROLE ${name} LOGIN`);
  return [...remaining, `As a superuser, run: ALTER ROLE ${name} BYPASSRLS`];
}

async function runOrExplain(runner: QueryRunner, statement: string): Promise<void> {
  try {
    await runner.query(statement);
  } catch (error) {
    throw explained(error, statement);
  }
}

function explained(error: unknown, statement: string): unknown {
  if (!isRefused(error)) return error;
  return new ConfigError(
    `Nothing was restored: ${(error as Error).message}. As a superuser, run: ${statement}. Then run this again.`,
    { cause: error },
  );
}

/** insufficient_privilege */
function isRefused(error: unknown): boolean {
  return (error as { code?: string }).code === '42501';
}

async function names(runner: QueryRunner, sql: string, parameters?: unknown[]): Promise<string[]> {
  const rows = (await runner.query(sql, parameters)) as { name: string }[];
  return rows.map(({ name }) => name);
}
