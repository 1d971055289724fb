import { Client } from 'pg';
import { startApp, TestApp } from '../setup/app';
import { newGoal, newTask, newUser, TestUser } from '../setup/factories';
import { asRole } from '../setup/server';

/*
 * The login role must not become the schema owner. Foreign keys delete rows in the owner's role, and triggers run in that
 * role too. Two mechanisms prevent that a trigger function uses an object of the login role instead of ours: the roles of
 * the application cannot create objects, not even temporary ones, and no function depends on the caller's search path.
 */
const roles = ['cairn_login', 'cairn_app', 'cairn_auth', 'cairn_admin', 'cairn_purge'];
const refused = '42501';

let app: TestApp;
let user: TestUser;
let login: Client;
/**
 * Since PostgreSQL 18, triggers that run after a cascade have the role that was active when the row was deleted, which is
 * the schema owner. Before, they have the role of the statement. That role may not call them, so the statement is refused.
 */
let isOwnerInCascades: boolean;

beforeAll(async () => {
  app = await startApp();
  const [version] = await query<{ number: number }>(
    `SELECT current_setting('server_version_num')::int AS number`,
  );
  isOwnerInCascades = version!.number >= 180_000;
  user = await newUser(app);
  const goal = await newGoal(user);
  await newGoal(user, { parent_goal_id: goal.id });
  const task = await newTask(user, { goal_id: goal.id, tags: ['a'] });
  await newTask(user, { parent_task_id: task.id });
  const dependency = await newTask(user);
  await user.api.put(`/tasks/${task.id}/dependencies/${dependency.id}`).expect(204);
  await user.api.post(`/tasks/${task.id}/timer/start`).expect(201);
  await user.api.post(`/tasks/${task.id}/timer/stop`).expect(200);
  login = await connect();
});

afterAll(async () => {
  await login?.end();
  await app?.close();
});

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: asRole(app.databaseUrl, 'cairn_login') });
  await client.connect();
  return client;
}

/** Runs statements as the login role and rolls them back. @returns the rows of the last one, or the code of the error */
async function attempt(...statements: string[]): Promise<number | string> {
  await login.query('BEGIN');
  try {
    let count: number | null = 0;
    for (const statement of statements) count = (await login.query(statement)).rowCount;
    return count ?? 0;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return code === 'P0001' ? message : code;
  } finally {
    await login.query('ROLLBACK');
  }
}

async function query<T>(text: string): Promise<T[]> {
  return (await app.database.query(text)).rows as T[];
}

describe('the roles of the application', () => {
  it('can create nothing in the database or in any schema', async () => {
    const list = roles.map((role) => `('${role}')`).join();
    expect(
      await query(`
        SELECT role, privilege, 'database' AS target
          FROM (VALUES ${list}) roles (role), (VALUES ('CREATE'), ('TEMPORARY')) privileges (privilege)
          WHERE has_database_privilege(role, current_database(), privilege)
        UNION ALL SELECT role, 'CREATE', nspname
          FROM (VALUES ${list}) roles (role), pg_namespace WHERE has_schema_privilege(role, oid, 'CREATE')`),
    ).toEqual([]);
  });

  it.each(roles)('cannot create objects that hide those of Cairn: %s', async (role) => {
    for (const statement of [
      'CREATE TEMPORARY TABLE tasks (id uuid)',
      'CREATE TABLE pg_temp.tasks (id uuid)',
      'SELECT 1 AS id INTO TEMPORARY tasks',
      'CREATE TEMPORARY VIEW tasks AS SELECT 1 AS id',
      'CREATE TEMPORARY SEQUENCE tasks',
      'CREATE TYPE pg_temp.tasks AS (id uuid)',
      'CREATE DOMAIN pg_temp.uuid AS text',
      `CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'`,
      'CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq)',
      'CREATE TABLE public.stones (id uuid)',
      `CREATE FUNCTION public.lock_user_writes(text) RETURNS void LANGUAGE sql AS ''`,
      'CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = uuid_eq)',
      `CREATE SCHEMA ${role}`,
      'CREATE RULE evil AS ON DELETE TO public.tasks DO INSTEAD NOTHING',
      'CREATE TRIGGER evil BEFORE DELETE ON public.tasks EXECUTE FUNCTION suppress_redundant_updates_trigger()',
    ]) {
      expect([statement, await attempt(`SET LOCAL ROLE ${role}`, statement)]).toEqual([statement, refused]);
    }
  });

  it('cannot become another role', async () => {
    const others = await query<{ name: string }>(
      `SELECT rolname AS name FROM pg_roles WHERE rolname NOT IN (${roles.map((role) => `'${role}'`).join()})`,
    );
    expect(others.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cairn_owner', 'postgres', 'pg_read_all_data', 'pg_execute_server_program']),
    );
    for (const role of roles) {
      for (const { name } of others) {
        for (const statement of [
          `SET ROLE ${name}`,
          `SELECT set_config('role', '${name}', true)`,
          `SET SESSION AUTHORIZATION ${name}`,
          `GRANT ${name} TO cairn_login`,
        ]) {
          const result = await attempt(`SET LOCAL ROLE ${role}`, statement);
          // pg_database_owner can have no explicit members. PostgreSQL 15 checks the rights first.
          const expected =
            statement.startsWith('GRANT pg_database_owner ') && result !== refused ? '0A000' : refused;
          expect([role, statement, result]).toEqual([role, statement, expected]);
        }
      }
    }
  });
});

describe('the role cairn_auth', () => {
  it('cannot create a superuser, nor set what the database sets', async () => {
    const insert = (column: string, value: string) =>
      `INSERT INTO users (id, email, password_hash, ${column})
       VALUES (gen_random_uuid(), 'new@example.com', '$argon2id$', ${value})`;
    for (const [column, value] of [
      ['is_superuser', 'true'],
      ['is_superuser', 'false'],
      ['is_verified', 'true'],
      ['is_active', 'true'],
      ['email_verified_at', 'now()'],
    ] as const) {
      const statement = insert(column, value);
      expect([statement, await attempt('SET LOCAL ROLE cairn_auth', statement)]).toEqual([
        statement,
        refused,
      ]);
    }
    const permitted = insert('full_name', `'New'`);
    expect(await attempt('SET LOCAL ROLE cairn_auth', permitted)).toBe(1);
    const promotion = `${insert('full_name', `'New'`)} ON CONFLICT (id) DO UPDATE SET is_superuser = true`;
    expect(await attempt('SET LOCAL ROLE cairn_auth', promotion)).toBe(refused);
    expect(await attempt('SET LOCAL ROLE cairn_auth', 'UPDATE users SET is_superuser = true')).toBe(refused);
  });

  it('can insert only the columns that registration, imports and sign-in write', async () => {
    expect(
      await query(`SELECT table_name AS table, string_agg(column_name, ', ' ORDER BY column_name) AS columns
        FROM information_schema.column_privileges
        WHERE table_schema = 'public' AND grantee = 'cairn_auth' AND privilege_type = 'INSERT'
          AND table_name IN ('sessions', 'users') GROUP BY 1 ORDER BY 1`),
    ).toEqual([
      { table: 'sessions', columns: 'expires_at, id, ip, user_agent, user_id' },
      { table: 'users', columns: 'created_at, email, full_name, id, password_hash, timezone, username' },
    ]);
  });
});

describe('the functions', () => {
  /** A SET clause would prevent PostgreSQL from inlining these. Their bodies are parsed when they are created. */
  const parsedAtCreation = [
    'blocked_tasks',
    'counts_toward_progress',
    'current_user_id',
    'goal_is_open',
    'hours_worked',
    'lock_user_writes',
    'new_id',
    'quota_of',
    'session_is_alive',
    'task_is_open',
    'transaction_flag',
  ];

  it('do not depend on the search path of their caller', async () => {
    const unsafe = await query<{ name: string; is_parsed: boolean }>(
      `SELECT proname AS name, prosqlbody IS NOT NULL AS is_parsed FROM pg_proc
       WHERE pronamespace = 'public'::regnamespace
         AND NOT coalesce('search_path=public, pg_temp' = ANY (proconfig), false) ORDER BY 1`,
    );
    expect(unsafe).toEqual(parsedAtCreation.map((name) => ({ name, is_parsed: true })));
  });

  it('that rules and policies use are inlined', async () => {
    const plans: string[] = [];
    for (const statement of [
      'SELECT title FROM tasks WHERE task_is_open(status, deleted_at)',
      'SELECT goal_is_open(status), counts_toward_progress(status) FROM goals',
      'SELECT session_is_alive(revoked_at, expires_at) FROM sessions',
      `SELECT title FROM tasks WHERE id IN (SELECT task_id FROM blocked_tasks('${user.id}'))`,
      'SELECT title FROM tasks WHERE user_id = (SELECT current_user_id())',
      `SELECT transaction_flag('trashed_at'), lock_user_writes('${user.id}'), quota_of('tasks')`,
    ]) {
      const plan = await query<{ 'QUERY PLAN': string }>(`EXPLAIN (VERBOSE, COSTS OFF) ${statement}`);
      plans.push(plan.map((row) => row['QUERY PLAN']).join('\n'));
    }
    for (const name of parsedAtCreation) {
      expect(plans.filter((plan) => plan.includes(`${name}(`) || plan.includes('Function Scan'))).toEqual([]);
    }
    expect(plans[0]).toContain(`tasks.status = ANY ('{pending,in_progress,blocked}'::text[])`);
    expect(plans[3]).toContain('on public.task_dependencies');
  });

  describe('if the login role may create objects after all', () => {
    beforeAll(() =>
      app.database.query(`DO $$ BEGIN
        EXECUTE format('GRANT TEMPORARY, CREATE ON DATABASE %I TO cairn_login', current_database());
      END $$`),
    );
    afterAll(() =>
      app.database.query(`DO $$ BEGIN
        EXECUTE format('REVOKE TEMPORARY, CREATE ON DATABASE %I FROM cairn_login', current_database());
      END $$`),
    );

    const evil = (name: string, rest: string) =>
      `CREATE FUNCTION ${name} RETURNS ${rest} LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'evil ran as %', current_user; END $$`;

    /** Creates temporary tables or views with the names and columns of ours. Any use of them raises an error. */
    const hide = (columnSql: string, ...statements: string[]) => `DO $$ DECLARE name text; columns text; BEGIN
      FOR name, columns IN
        SELECT relname, string_agg(format('${columnSql}', format_type(atttypid, atttypmod), attname), ', ' ORDER BY attnum)
          FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
          WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace GROUP BY relname
      LOOP
        ${statements.map((statement) => `EXECUTE format('${statement}', name, columns)`).join(';\n        ')};
        EXECUTE format('GRANT ALL ON pg_temp.%I TO PUBLIC', name);
      END LOOP;
    END $$`;
    const tables = hide(
      '%2$I %1$s',
      'CREATE TEMPORARY TABLE %I (%s)',
      'CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE ON pg_temp.%I EXECUTE FUNCTION pg_temp.evil()',
      'ALTER TABLE pg_temp.%I ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY evil ON pg_temp.%I USING (pg_temp.is_evil()) WITH CHECK (pg_temp.is_evil())',
    );
    const views = hide(
      'NULL::%s AS %I',
      'CREATE TEMPORARY VIEW %I AS SELECT %s WHERE pg_temp.is_evil()',
      'CREATE TRIGGER evil INSTEAD OF INSERT OR UPDATE OR DELETE ON pg_temp.%I FOR EACH ROW EXECUTE FUNCTION pg_temp.evil()',
    );
    const types = ['uuid', 'text', 'int4', 'int8', 'bool', 'jsonb', 'interval'].map(
      (type) =>
        `CREATE DOMAIN pg_temp.${type} AS pg_catalog.${type} CHECK (pg_temp.is_evil() AND VALUE IS NOT NULL)`,
    );
    const operators = (schema: string) =>
      ['text', 'uuid', 'int4', 'bool'].flatMap((type) => [
        evil(`${schema}.compare(${type}, ${type})`, 'boolean'),
        `CREATE OPERATOR ${schema}.= (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = ${schema}.compare)`,
        `CREATE OPERATOR ${schema}.<> (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = ${schema}.compare)`,
      ]);
    const functions = (schema: string) => [
      evil(`${schema}.now()`, 'timestamptz'),
      evil(`${schema}.nullif(text, text)`, 'text'),
      evil(`${schema}.current_setting(text, boolean)`, 'text'),
      evil(`${schema}.set_config(text, text, boolean)`, 'text'),
      evil(`${schema}.transaction_flag(text)`, 'text'),
      evil(`${schema}.set_transaction_flag(text, text)`, 'void'),
      evil(`${schema}.lock_user_writes(uuid)`, 'void'),
      evil(`${schema}.progress_of(uuid, uuid)`, 'numeric'),
      evil(`${schema}.recompute_progress(uuid, uuid[])`, 'void'),
      evil(`${schema}.quota_of(text)`, 'integer'),
      evil(`${schema}.raise_quota_exceeded(text, integer)`, 'void'),
      evil(`${schema}.task_is_open(text, timestamptz)`, 'boolean'),
      evil(`${schema}.counts_toward_progress(text)`, 'boolean'),
    ];
    const basis = [evil('pg_temp.evil()', 'trigger'), evil('pg_temp.is_evil()', 'boolean')];
    const inPath = (path: string) => `SET LOCAL search_path = ${path}`;
    const schema = ['CREATE SCHEMA evil', 'GRANT USAGE ON SCHEMA evil TO PUBLIC'];

    const preparations: [string, string[]][] = [
      ['temporary tables', [...basis, tables]],
      ['temporary tables, first in the path', [...basis, tables, inPath('pg_temp, public')]],
      ['temporary views', [...basis, views]],
      ['temporary views, first in the path', [...basis, views, inPath('pg_temp, public')]],
      ['temporary types', [...basis, ...types, inPath('pg_temp, pg_catalog, public')]],
      [
        'temporary functions and operators',
        [...functions('pg_temp'), ...operators('pg_temp'), inPath('pg_temp, pg_catalog, public')],
      ],
      ['functions in a schema', [...schema, ...functions('evil'), inPath('evil, pg_catalog, public')]],
      ['operators in a schema', [...schema, ...operators('evil'), inPath('evil, pg_catalog, public')]],
    ];

    it.each(preparations)('no function uses %s', async (_name, preparation) => {
      // Without WHERE, so that the statements themselves use no operators. The policies limit them to one user.
      const asUser = `SELECT public.act_as('${user.id}')`;
      const deactivateAll = ['SET LOCAL ROLE cairn_admin', 'UPDATE public.users SET is_active = false'];
      const asPurger = [...deactivateAll, 'SET LOCAL ROLE cairn_purge'];
      const users = await query<object>('SELECT FROM public.users');
      const tasks = await query<object>('SELECT FROM public.tasks');
      const goals = await query<object>('SELECT FROM public.goals');
      const migrations = await query<object>('SELECT FROM public.migrations');
      for (const [statements, count] of [
        [[...asPurger, 'DELETE FROM public.users'], isOwnerInCascades ? users.length : refused],
        [[asUser, 'DELETE FROM public.goals'], goals.length],
        [[asUser, 'DELETE FROM public.tasks'], tasks.length],
        [[asUser, `UPDATE public.tasks SET title = 'New'`], tasks.length],
        [[asUser, 'UPDATE public.time_entries SET ended_at = started_at'], 1],
        [[asUser, `UPDATE public.tasks SET status = 'cancelled'`], tasks.length],
        [[asUser, `UPDATE public.goals SET status = 'cancelled'`], goals.length],
        [[asUser, 'UPDATE public.users SET full_name = NULL'], 1],
        [[`SELECT public.lock_account('${user.id}')`], 1],
        [['SELECT public.applied_migrations()'], migrations.length],
        [['SELECT public.schema_migrations()'], migrations.length],
      ] as [string[], number | string][]) {
        const result = await attempt(...preparation, ...statements);
        expect([statements.at(-1), result]).toEqual([statements.at(-1), count]);
      }
    });

    it('a function without a search path runs the code of the login role as the schema owner', async () => {
      await app.database.query('ALTER FUNCTION sum_actual_hours() RESET search_path');
      try {
        const statements = [
          ...basis,
          tables,
          'SET LOCAL ROLE cairn_admin',
          'UPDATE public.users SET is_active = false',
          'SET LOCAL ROLE cairn_purge',
          'DELETE FROM public.users',
        ];
        expect(await attempt(...statements)).toBe(isOwnerInCascades ? 'evil ran as cairn_owner' : refused);
      } finally {
        await app.database.query('ALTER FUNCTION sum_actual_hours() SET search_path = public, pg_temp');
      }
    });
  });
});
