import { Client } from 'pg';
import { BackupRole1795300800000 } from '../../src/schema/migrations/1795300800000-backup-role';
import { recordStatements } from '../../src/schema/recorded-statements';
import { newDatabase } from '../setup/app';
import { asRole, onDatabase } from '../setup/server';

/* The role of backups reads everything, and can write nothing. */

let url: string;
let superuser: Client;
let backup: Client;
beforeAll(async () => {
  url = await newDatabase();
  superuser = new Client({ connectionString: url });
  backup = new Client({ connectionString: asRole(url, 'cairn_backup') });
  await superuser.connect();
  await backup.connect();
});
afterAll(async () => {
  await superuser?.end();
  await backup?.end();
});

const relationsSql = `SELECT oid, oid::regclass::text AS name, relkind AS kind FROM pg_class
  WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`;

async function namesOf(text: string): Promise<string[]> {
  return (await superuser.query<{ name: string }>(`${text} ORDER BY name`)).rows.map(({ name }) => name);
}

/** Tables, views and sequences that a backup would fail at. */
const unreadable = () =>
  namesOf(`SELECT name FROM (${relationsSql}) relations
    WHERE NOT has_table_privilege('cairn_backup', oid, 'SELECT')`);

const code = async (statement: string) => {
  try {
    await backup.query(statement);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

it('may read every table, view and sequence', async () => {
  const all = await namesOf(relationsSql);
  expect(all).toEqual(expect.arrayContaining(['users', 'tasks', 'mails', 'migrations', 'migrations_id_seq']));
  expect(await unreadable()).toEqual([]);
  for (const name of all) expect([name, await code(`SELECT * FROM ${name}`)]).toEqual([name, undefined]);
});

it('may read tables and sequences that the schema owner creates later; another table without a grant is found', async () => {
  await onDatabase(asRole(url, 'cairn_owner'), (client) =>
    client.query(
      'CREATE TABLE stones (id serial PRIMARY KEY); CREATE VIEW many_stones AS SELECT FROM stones',
    ),
  );
  expect(await unreadable()).toEqual([]);
  await superuser.query('CREATE TABLE pebbles (id serial PRIMARY KEY)');
  expect(await unreadable()).toEqual(['pebbles', 'pebbles_id_seq']);
  await superuser.query('DROP TABLE pebbles');
});

it('sees the rows of all users, although row-level security is forced', async () => {
  await superuser.query(
    `INSERT INTO users (id, email, password_hash) VALUES (gen_random_uuid(), 'a@example.com', '$argon2id$'), (gen_random_uuid(), 'b@example.com', '$argon2id$')`,
  );
  await superuser.query(
    `INSERT INTO tasks (user_id, id, title) SELECT id, gen_random_uuid(), 'A task' FROM users`,
  );
  expect((await backup.query('SELECT FROM tasks')).rowCount).toBe(2);
});

it('may write nothing', async () => {
  const privileges = await namesOf(`
    SELECT format('%s on %s', privilege, name) AS name FROM (${relationsSql}) relations,
      unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
    WHERE kind <> 'S' AND has_table_privilege('cairn_backup', oid, privilege)
    UNION ALL SELECT format('%s on a column of %s', privilege, name) FROM (${relationsSql}) relations,
      unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) privilege
    WHERE kind <> 'S' AND has_any_column_privilege('cairn_backup', oid, privilege)
    UNION ALL SELECT format('%s on %s', privilege, name) FROM (${relationsSql}) relations,
      unnest(ARRAY['USAGE', 'UPDATE']) privilege
    WHERE kind = 'S' AND has_sequence_privilege('cairn_backup', oid, privilege)
    UNION ALL SELECT format('EXECUTE on %s', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND has_function_privilege('cairn_backup', oid, 'EXECUTE')
    UNION ALL SELECT format('%s on the database', privilege) FROM unnest(ARRAY['CREATE', 'TEMPORARY']) privilege
    WHERE has_database_privilege('cairn_backup', current_database(), privilege)
    UNION ALL SELECT format('CREATE on %s', nspname) FROM pg_namespace WHERE has_schema_privilege('cairn_backup', oid, 'CREATE')
    UNION ALL SELECT format('member of %s', roleid::regrole) FROM pg_auth_members WHERE member = 'cairn_backup'::regrole
    UNION ALL SELECT format('owner of %s', oid::regclass) FROM pg_class WHERE relowner = 'cairn_backup'::regrole
    UNION ALL SELECT 'an attribute' FROM pg_roles WHERE rolname = 'cairn_backup'
      AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication)`);
  expect(privileges).toEqual([]);
  for (const statement of [
    'DELETE FROM tasks',
    `UPDATE users SET is_superuser = true`,
    'INSERT INTO tasks SELECT * FROM tasks',
    'TRUNCATE tasks CASCADE',
    `SELECT nextval('migrations_id_seq')`,
    'CREATE TABLE evil (id integer)',
    'CREATE TEMPORARY TABLE evil (id integer)',
    'SET ROLE cairn_app',
    'SELECT act_as(gen_random_uuid())',
    'ALTER TABLE tasks DISABLE ROW LEVEL SECURITY',
  ]) {
    expect([statement, await code(statement)]).toEqual([statement, '42501']);
  }
});

it('is created by the migrations without BYPASSRLS if the schema owner may not grant that, and with it otherwise', async () => {
  // In a transaction: roles belong to the server of all tests.
  for (const [role, bypasses] of [
    ['cairn_owner', false],
    [undefined, true],
  ] as const) {
    await superuser.query('BEGIN');
    try {
      await superuser.query('ALTER ROLE cairn_backup RENAME TO cairn_backup_of_others');
      if (role) await superuser.query(`SET LOCAL ROLE ${role}`);
      await superuser.query((await recordStatements(new BackupRole1795300800000(), 'up'))[0]!);
      const { rows } = await superuser.query(
        `SELECT rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = 'cairn_backup'`,
      );
      expect([role, rows]).toEqual([role, [{ rolbypassrls: bypasses, rolcanlogin: true }]]);
    } finally {
      await superuser.query('ROLLBACK');
    }
  }
});
