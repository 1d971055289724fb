import { Client, ClientBase } from 'pg';
import { startApp, TestApp } from '../setup/app';
import { countRows, createMissingRows, ownedTables, whyThereIsNoRow } from '../setup/catalogue';
import {
  addImportedRows,
  newGoal,
  newPersonalToken,
  newTask,
  newUser,
  signIn,
  TestUser,
} from '../setup/factories';
import { waitForMails } from '../setup/mailbox';
import { asRole } from '../setup/server';
import { PostgresProxy } from '../setup/postgres-proxy';

/*
 * The database without the application: what the login role, the restricted roles and one user can reach. Two users
 * with a goal, a task under it, a session, a personal access token, and a row of every other resource.
 */
let app: TestApp;
let user: TestUser;
let other: TestUser;
let login: Client;
/** All tables and views. */
let tables: string[];
/** The tables with a column `user_id`. */
let owned: string[];

beforeAll(async () => {
  app = await startApp();
  [user, other] = [await newUser(app), await newUser(app)];
  for (const owner of [user, other]) {
    const task = await newTask(owner, { goal_id: (await newGoal(owner)).id, tags: ['a'] });
    await owner.api.post(`/tasks/${task.id}/timer/start`).set('idempotency-key', 'a').expect(201);
    await newPersonalToken(owner);
    await addImportedRows(app, owner);
    // Without policies or grants it fails: then the tests say what is missing.
    await createMissingRows(app, owner).catch(() => undefined);
  }
  const third = await newUser(app); // a dependency needs two tasks
  const [task, dependency] = [await newTask(third), await newTask(third)];
  await third.api.put(`/tasks/${task.id}/dependencies/${dependency.id}`).expect(204);
  await waitForMails(app);
  login = new Client({ connectionString: asRole(app.databaseUrl, 'cairn_login') });
  await login.connect();
  const { rows } = await app.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace`,
  );
  tables = rows.map(({ name }) => name);
  owned = await ownedTables(app);
});

afterAll(async () => {
  await login?.end();
  await app?.close();
});

/** Runs a statement and rolls it back. @returns the number of rows, or the code of PostgreSQL's error */
async function attempt(before: string, statement: string): Promise<number | string> {
  await login.query('BEGIN');
  try {
    await login.query(before);
    return (await login.query(statement)).rowCount ?? 0;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await login.query('ROLLBACK');
  }
}

async function columnsOf(table: string): Promise<string[]> {
  const { rows } = await app.database.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0`,
    [table],
  );
  return rows.map(({ name }) => name);
}

/** The code of insufficient_privilege. */
const refused = '42501';
const statementsOn = (table: string) => [
  `SELECT * FROM ${table}`,
  `SELECT count(*) FROM ${table} HAVING count(*) > 0`,
  `DELETE FROM ${table}`,
  `INSERT INTO ${table} SELECT * FROM ${table}`,
  `TRUNCATE ${table} CASCADE`,
  `LOCK TABLE ${table}`,
  `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
  `DROP TABLE ${table} CASCADE`,
];

/** The tables for which policies and grants are listed below. Other owned tables follow rules. */
const known = [
  'administrative_acts',
  'changes',
  'goals',
  'idempotency_keys',
  'import_parts',
  'imports',
  'mails',
  'migrations',
  'one_time_tokens',
  'personal_tokens',
  'rate_limits',
  'sessions',
  'tags',
  'task_dependencies',
  'task_tags',
  'tasks',
  'time_entries',
  'users',
];

it('the database has the tables that this test knows, and owned tables', () => {
  const unknown = tables.filter((table) => !known.includes(table) && !owned.includes(table));
  expect(unknown).toEqual([]);
  expect(tables.filter((table) => known.includes(table)).sort()).toEqual(known);
});

it('the login role by itself can access no table', async () => {
  for (const table of tables) {
    for (const statement of statementsOn(table)) {
      expect([statement, await attempt('SELECT 1', statement)]).toEqual([statement, refused]);
    }
  }
});

it('the role cairn_app without a current user can access no row', async () => {
  for (const table of tables) {
    for (const statement of statementsOn(table)) {
      expect([
        [statement, refused],
        [statement, 0],
      ]).toContainEqual([statement, await attempt('SET LOCAL ROLE cairn_app', statement)]);
    }
    const columns = await columnsOf(table);
    for (const column of columns) {
      const update = `UPDATE ${table} SET ${column} = ${column}`;
      expect([
        [update, refused],
        [update, 0],
      ]).toContainEqual([update, await attempt('SET LOCAL ROLE cairn_app', update)]);
    }
  }
});

it('the role cairn_purge can access only rows that may be purged', async () => {
  for (const table of tables) {
    for (const statement of statementsOn(table)) {
      expect([
        [statement, refused],
        [statement, 0],
      ]).toContainEqual([statement, await attempt('SET LOCAL ROLE cairn_purge', statement)]);
    }
  }
  expect(await attempt('SET LOCAL ROLE cairn_purge', 'DELETE FROM goals')).toBe(refused);
});

it.each(['cairn_auth', 'cairn_admin'])(
  'the role %s has no privilege on tasks, goals and migrations',
  async (role) => {
    for (const table of ['tasks', 'goals', 'migrations']) {
      for (const statement of statementsOn(table)) {
        expect([statement, await attempt(`SET LOCAL ROLE ${role}`, statement)]).toEqual([statement, refused]);
      }
    }
  },
);

it('the role cairn_admin can read no secrets, and can neither read nor update recorded acts', async () => {
  for (const statement of [
    'SELECT password_hash FROM users',
    'SELECT token_hash FROM personal_tokens',
    'SELECT token_hash FROM one_time_tokens',
    'SELECT act FROM administrative_acts',
    `UPDATE administrative_acts SET act = 'activate'`,
    'DELETE FROM administrative_acts',
    'SELECT email FROM mails',
    `UPDATE users SET email = 'a@example.com'`,
  ]) {
    expect([statement, await attempt('SET LOCAL ROLE cairn_admin', statement)]).toEqual([statement, refused]);
  }
});

describe('the role cairn_app with a current user', () => {
  const asUser = () => `SELECT act_as('${user.id}')`;

  it('can read and delete only rows of the current user, in every table', async () => {
    for (const table of ['users', ...owned]) {
      const owner = table === 'users' ? 'id' : 'user_id';
      const { rows } = await app.database.query<{ id: string }>(
        `SELECT DISTINCT ${owner} AS id FROM ${table} WHERE ${owner} <> $1 LIMIT 1`,
        [user.id],
      );
      if (!rows[0]) throw new Error(whyThereIsNoRow(app, table));
      const ownCount = await countRows(app, table, user.id);
      const isHidden = table === 'one_time_tokens';
      const read = (where: string) => attempt(asUser(), `SELECT ${owner} FROM ${table} WHERE ${where}`);
      expect([table, await read('true')]).toEqual([table, isHidden ? refused : ownCount]);
      expect([table, await read(`${owner} = '${rows[0].id}'`)]).toEqual([table, isHidden ? refused : 0]);
      const deleted = await attempt(
        asUser(),
        `DELETE FROM ${table} WHERE ${owner} = '${rows[0].id}' OR true`,
      );
      expect([
        [table, refused],
        [table, ownCount],
      ]).toContainEqual([table, deleted]);
    }
  });

  it('is tested with one row of each user in the tables of most resources', async () => {
    for (const table of [
      'goals',
      'personal_tokens',
      'sessions',
      'tags',
      'task_tags',
      'tasks',
      'time_entries',
      'users',
    ]) {
      const counts = [await countRows(app, table, user.id), await countRows(app, table, other.id)];
      expect([table, counts]).toEqual([table, [1, 1]]);
    }
  });

  it('cannot create rows for another user, nor link to rows of another user', async () => {
    const foreign = await app.database.query<{ id: string }>('SELECT id FROM goals WHERE user_id = $1', [
      other.id,
    ]);
    const insert = (owner: string, goal: string) =>
      `INSERT INTO tasks (user_id, id, title, goal_id) VALUES ('${owner}', gen_random_uuid(), 'x', ${goal})`;
    expect(await attempt(asUser(), insert(user.id, 'NULL'))).toBe(1);
    expect(await attempt(asUser(), insert(other.id, 'NULL'))).toBe(refused);
    expect(await attempt(asUser(), insert(user.id, `'${foreign.rows[0]!.id}'`))).toBe('23503');
    expect(await attempt(asUser(), `UPDATE tasks SET goal_id = '${foreign.rows[0]!.id}'`)).toBe('23503');
  });

  it('cannot update keys, timestamps and versions, nor read a password hash', async () => {
    for (const table of tables) {
      for (const column of [
        'id',
        'user_id',
        'created_at',
        'updated_at',
        'version',
        'is_superuser',
        'password_hash',
        'expires_at',
      ]) {
        if (!(await columnsOf(table)).includes(column)) continue;
        const update = `UPDATE ${table} SET ${column} = ${column}`;
        expect([update, await attempt(asUser(), update)]).toEqual([update, refused]);
      }
    }
    expect(await attempt(asUser(), 'SELECT password_hash FROM users')).toBe(refused);
    expect(await attempt(asUser(), 'SELECT 1 FROM users WHERE password_hash IS NOT NULL')).toBe(refused);
  });

  it('loses the role and the current user at the end of the transaction', async () => {
    await login.query('BEGIN');
    await login.query(asUser());
    expect((await login.query('SELECT current_user AS role')).rows).toEqual([{ role: 'cairn_app' }]);
    await login.query('COMMIT');
    const { rows } = await login.query(
      `SELECT current_user AS role, current_setting('cairn.user_id', true) AS user_id`,
    );
    expect(rows).toEqual([{ role: 'cairn_login', user_id: '' }]);
  });

  it('enters only with a live session of the same user', async () => {
    const { rows } = await app.database.query<{ id: string; user_id: string }>(
      'SELECT id, user_id FROM sessions',
    );
    const [own, foreign] = [user, other].map(({ id }) => rows.find((row) => row.user_id === id)!.id);
    const enter = (session: string) => attempt('SELECT 1', `SELECT enter('${session}', '${user.id}')`);
    expect(await enter(own!)).toBe(1);
    expect(await enter(foreign!)).toBe('ZC401');
    expect(await enter('01a1fc21-db47-72db-b5fb-cb2dbd3c58f3')).toBe('ZC401');
  });
});

it('no role of the application can execute DDL', async () => {
  for (const role of ['cairn_login', 'cairn_app', 'cairn_auth', 'cairn_admin', 'cairn_purge']) {
    for (const ddl of [
      'CREATE TABLE public.stones (id integer)',
      'CREATE FUNCTION public.evil() RETURNS integer LANGUAGE sql AS $$SELECT 1$$',
      `CREATE OR REPLACE FUNCTION public.current_user_id() RETURNS uuid LANGUAGE sql AS $$SELECT '${'0'.repeat(32)}'::uuid$$`,
      'CREATE SCHEMA evil',
      'CREATE POLICY evil ON public.tasks USING (true)',
      'CREATE INDEX ON public.tasks (title)',
      'ALTER ROLE cairn_app BYPASSRLS',
    ]) {
      expect([role, ddl, await attempt(`SET LOCAL ROLE ${role}`, ddl)]).toEqual([role, ddl, refused]);
    }
  }
});

describe('the catalogue of the database', () => {
  const query = async (text: string) => (await app.database.query<Record<string, unknown>>(text)).rows;
  const onlyKnown = (byTable: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(byTable).filter(([table]) => known.includes(table)));

  it('has policies, grants and triggers by the rules on every owned table that is not listed here', async () => {
    const missing: string[] = [];
    for (const table of owned.filter((name) => !known.includes(name)))
      missing.push(...(await missingSteps(app.database, table)));
    expect(missing).toEqual([]);
  });

  it('has rules that name each missing step of an owned table', async () => {
    for (const table of ['goals', 'task_tags', 'task_dependencies'])
      expect(await missingSteps(app.database, table)).toEqual([]);
    // Their history is not recorded.
    for (const table of ['tags', 'time_entries'])
      expect(await missingSteps(app.database, table)).toEqual([
        `${table}: no trigger ${table}_4_history records changes`,
      ]);
    const client = await app.database.connect();
    try {
      await client.query('BEGIN; CREATE TABLE stones (user_id uuid, id uuid, version integer, title text)');
      expect(await missingSteps(client, 'stones')).toEqual([
        'stones: is owned by postgres, not by cairn_owner',
        'stones: row-level security is not enabled',
        'stones: row-level security is not forced',
        'stones: the primary key is not (user_id, id)',
        'stones: no foreign key (user_id) references users (id) ON DELETE CASCADE',
        'stones: the policies are not exactly one, `owner` for cairn_app: none',
        'stones: no trigger stones_3_version increments the version',
        'stones: no trigger stones_4_history records changes',
        'stones: cairn_app may not SELECT',
      ]);
      await client.query(`
        DROP TABLE stones;
        CREATE TABLE stones (user_id uuid REFERENCES users (id) ON DELETE CASCADE, id uuid, title text, PRIMARY KEY (user_id, id));
        ALTER TABLE stones OWNER TO cairn_owner, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY owner ON stones FOR SELECT TO cairn_app USING (true);
        CREATE POLICY purge ON stones TO cairn_purge USING (true);
        GRANT SELECT, INSERT, UPDATE, TRUNCATE ON stones TO cairn_app;
        GRANT DELETE ON stones TO cairn_purge`);
      expect(await missingSteps(client, 'stones')).toEqual([
        'stones: the policies are not exactly one, `owner` for cairn_app: owner SELECT {cairn_app} true null, purge ALL {cairn_purge} true null',
        'stones: cairn_app must not TRUNCATE',
        'stones: cairn_app must not UPDATE the whole table, but columns',
        'stones: cairn_purge must not DELETE',
        'stones: cairn_app must not UPDATE id',
        'stones: cairn_app must not UPDATE user_id',
      ]);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it('has forced row-level security on every table except migrations, with policies for reads and writes', async () => {
    const rows = await query(`SELECT relname AS name, relrowsecurity AND relforcerowsecurity AS forced,
        pg_get_userbyid(relowner) AS owner,
        ARRAY(SELECT format('%s %s %s', polname, polcmd, polroles::regrole[]) FROM pg_policy
          WHERE polrelid = c.oid AND polqual IS NOT NULL AND polwithcheck IS NOT NULL ORDER BY 1) AS policies
      FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> 'migrations'
      ORDER BY 1`);
    const [owner, authenticator, administrator, purge] = [
      'owner * {cairn_app}',
      'authenticator * {cairn_auth}',
      'administrator * {cairn_admin}',
      'purge * {cairn_purge}',
    ];
    const policies = Object.fromEntries(rows.map((row) => [row.name as string, row.policies]));
    expect(onlyKnown(policies)).toEqual({
      administrative_acts: [administrator],
      changes: [owner],
      goals: [owner, purge],
      idempotency_keys: [owner, purge],
      import_parts: [owner],
      imports: [owner, purge],
      mails: [authenticator],
      one_time_tokens: [administrator, authenticator],
      personal_tokens: [administrator, authenticator, owner],
      rate_limits: [authenticator],
      sessions: [administrator, authenticator, owner, purge],
      tags: [owner],
      task_dependencies: [owner],
      task_tags: [owner],
      tasks: [owner, purge],
      time_entries: [owner],
      users: [administrator, authenticator, owner, purge],
    });
    for (const { name, forced, owner: whose } of rows) {
      expect([name, forced, whose]).toEqual([name, true, 'cairn_owner']);
    }
  });

  it('has roles that own nothing, bypass no policies and have no elevated attributes', async () => {
    const rows =
      await query(`SELECT rolname AS name, rolcanlogin AS login, rolsuper OR rolbypassrls OR rolcreaterole
        OR rolcreatedb OR rolreplication AS mighty, rolinherit AS inherits,
        (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid) AS owns
      FROM pg_roles r WHERE rolname IN ('cairn_admin', 'cairn_app', 'cairn_auth', 'cairn_login', 'cairn_purge') ORDER BY 1`);
    expect(rows).toEqual([
      { name: 'cairn_admin', login: false, mighty: false, inherits: true, owns: 0 },
      { name: 'cairn_app', login: false, mighty: false, inherits: true, owns: 0 },
      { name: 'cairn_auth', login: false, mighty: false, inherits: true, owns: 0 },
      { name: 'cairn_login', login: true, mighty: false, inherits: false, owns: 0 },
      { name: 'cairn_purge', login: false, mighty: false, inherits: true, owns: 0 },
    ]);
    expect(
      await query(`SELECT m.rolname AS member, g.rolname AS role FROM pg_auth_members
        JOIN pg_roles m ON m.oid = member JOIN pg_roles g ON g.oid = roleid
        WHERE m.rolname IN ('cairn_admin', 'cairn_app', 'cairn_auth', 'cairn_login', 'cairn_purge') ORDER BY 1, 2`),
    ).toEqual([
      { member: 'cairn_login', role: 'cairn_admin' },
      { member: 'cairn_login', role: 'cairn_app' },
      { member: 'cairn_login', role: 'cairn_auth' },
      { member: 'cairn_login', role: 'cairn_purge' },
    ]);
  });

  it('includes user_id in every foreign key between owned tables', async () => {
    const rows = await query(`SELECT conname AS name,
        ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (n, i)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i) AS from,
        ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k (n, i)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i) AS to
      FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1`);
    const between = rows.filter(({ to }) => (to as string[]).join() !== 'id');
    expect(between.length).toBeGreaterThanOrEqual(8);
    for (const { name, from, to } of rows) {
      expect([name, (from as string[])[0]]).toEqual([name, 'user_id']);
      if (between.some((key) => key.name === name)) expect([name, to]).toEqual([name, ['user_id', 'id']]);
    }
    const owners = rows.filter(({ to }) => (to as string[]).join() === 'id').map(({ name }) => name);
    const expectedOwners = [
      'changes_user_id_fkey',
      'goals_user_id_fkey',
      'idempotency_keys_user_id_fkey',
      'import_parts_user_id_fkey',
      'imports_user_id_fkey',
      'one_time_tokens_user_id_fkey',
      'personal_tokens_user_id_fkey',
      'sessions_user_id_fkey',
      'tags_user_id_fkey',
      'tasks_user_id_fkey',
      'time_entries_user_id_fkey',
    ];
    expect(owners).toEqual(expect.arrayContaining(expectedOwners));
    const others = owned.filter((table) => !known.includes(table)).map((table) => `${table}_user_id_fkey`);
    expect(owners.filter((name) => ![...expectedOwners, ...others].includes(String(name)))).toEqual([]);
  });

  it('has exactly the intended grants', async () => {
    const grants =
      await query(`SELECT format('%s: %s on %s', grantee, string_agg(privilege_type, ', ' ORDER BY privilege_type), table_name) AS line
      FROM information_schema.table_privileges WHERE table_schema = 'public' AND grantee NOT IN ('cairn_owner', 'cairn_backup')
      GROUP BY grantee, table_name HAVING table_name = ANY ('{${known.join()}}') ORDER BY 1`);
    expect(grants.map(({ line }) => line)).toEqual([
      'cairn_admin: DELETE on one_time_tokens',
      'cairn_admin: DELETE on personal_tokens',
      'cairn_admin: INSERT on administrative_acts',
      'cairn_app: DELETE, INSERT on personal_tokens',
      'cairn_app: DELETE, INSERT, SELECT on changes',
      'cairn_app: DELETE, INSERT, SELECT on goals',
      'cairn_app: DELETE, INSERT, SELECT on idempotency_keys',
      'cairn_app: DELETE, INSERT, SELECT on import_parts',
      'cairn_app: DELETE, INSERT, SELECT on imports',
      'cairn_app: DELETE, INSERT, SELECT on tags',
      'cairn_app: DELETE, INSERT, SELECT on task_dependencies',
      'cairn_app: DELETE, INSERT, SELECT on task_tags',
      'cairn_app: DELETE, INSERT, SELECT on tasks',
      'cairn_app: DELETE, INSERT, SELECT on time_entries',
      'cairn_app: SELECT on sessions',
      'cairn_auth: DELETE, INSERT, SELECT on mails',
      'cairn_auth: DELETE, INSERT, SELECT on one_time_tokens',
      'cairn_auth: DELETE, INSERT, SELECT on rate_limits',
      'cairn_auth: DELETE, SELECT on personal_tokens',
      'cairn_auth: SELECT on sessions',
      'cairn_auth: SELECT on users',
      'cairn_purge: DELETE on idempotency_keys',
      'cairn_purge: DELETE on imports',
      'cairn_purge: DELETE on sessions',
      'cairn_purge: DELETE on users',
    ]);
    const columns =
      await query(`SELECT format('%s: UPDATE of %s (%s)', grantee, table_name, string_agg(column_name, ', ' ORDER BY column_name)) AS line
      FROM information_schema.column_privileges WHERE table_schema = 'public' AND grantee <> 'cairn_owner'
        AND privilege_type = 'UPDATE' AND table_name = ANY ('{${known.join()}}') GROUP BY grantee, table_name ORDER BY 1`);
    expect(columns.map(({ line }) => line)).toEqual([
      'cairn_admin: UPDATE of sessions (revoked_at)',
      'cairn_admin: UPDATE of users (can_reactivate, deletion_at, is_active, is_superuser)',
      'cairn_app: UPDATE of goals (completed_at, deleted_at, description, horizon, metrics, parent_goal_id, progress, progress_mode, project_name, status, success_criteria, target_date, title)',
      'cairn_app: UPDATE of imports (active_at, bytes, counts, error, finished_at, status)',
      'cairn_app: UPDATE of sessions (revoked_at)',
      'cairn_app: UPDATE of tags (color, name)',
      'cairn_app: UPDATE of tasks (actual_hours, category, completed_at, deleted_at, description, due_date, estimated_hours, goal_id, notes, parent_task_id, priority, project_name, repository_path, status, tags, title)',
      'cairn_app: UPDATE of time_entries (ended_at, note, started_at)',
      'cairn_app: UPDATE of users (full_name, timezone, username)',
      'cairn_auth: UPDATE of mails (attempts, due_at)',
      'cairn_auth: UPDATE of personal_tokens (last_used_at)',
      'cairn_auth: UPDATE of rate_limits (free_at, hits, resets_at)',
      'cairn_auth: UPDATE of sessions (expires_at, generation, last_used_at, revoked_at)',
      'cairn_auth: UPDATE of users (can_reactivate, deletion_at, email, email_verified_at, full_name, is_active, is_verified, last_login_at, password_hash, timezone, username)',
      'cairn_purge: UPDATE of imports (active_at, attempts, done, status, step, total)',
      'cairn_purge: UPDATE of users (deletion_at)',
    ]);
    const functions =
      await query(`SELECT format('%s: %s', grantee, string_agg(routine_name, ', ' ORDER BY routine_name)) AS line
      FROM information_schema.routine_privileges WHERE routine_schema = 'public' AND grantee <> 'cairn_owner'
      GROUP BY grantee ORDER BY 1`);
    expect(functions.map(({ line }) => line)).toEqual([
      'cairn_admin: new_id, require_version',
      'cairn_app: blocked_tasks, counts_toward_progress, current_user_id, goal_is_open, hours_worked, lock_user_writes, new_id, progress_of, quota_of, raise_quota_exceeded, recompute_progress, refuse_unverified, require_version, session_is_alive, set_transaction_flag, task_is_open, transaction_flag, transaction_flag_setting',
      'cairn_auth: act_as, count_hits, new_id, require_version, session_is_alive',
      'cairn_login: act_as, applied_migrations, enter, enter_as_administrator, enter_by_token, lock_account, lock_idempotency_key, lock_user_writes, schema_migrations',
      'cairn_purge: session_is_alive',
    ]);
  });
});

describe('the statements of the application', () => {
  let proxy: PostgresProxy;
  let proxiedApp: TestApp;
  let caller: TestUser;

  beforeAll(async () => {
    proxy = await PostgresProxy.open(app.databaseUrl);
    proxiedApp = await startApp({ DATABASE_URL: proxy.url, DATABASE_POOL_SIZE: '1' });
    await newUser(app, { email: 'wire@example.com' }); // the other instance sends the mails
    caller = await signIn(proxiedApp, 'wire@example.com');
    await caller.api.get('/tasks').expect(200); // opens the connection
  });
  afterAll(async () => {
    await proxiedApp.close();
    proxy.close();
  });

  it('need one round trip for a read, and for a write of one statement', async () => {
    const goal = await newGoal(caller);
    const task = await newTask(caller, { goal_id: goal.id });
    const calls: [string, () => Promise<unknown>][] = [
      ['list', () => caller.api.get('/tasks?sort=due_date&include=total').expect(200)],
      ['get', () => caller.api.get(`/tasks/${task.id}`).expect(200)],
      ['tasks of a goal', () => caller.api.get(`/goals/${goal.id}/tasks`).expect(200)],
      ['create', () => caller.api.post('/tasks', { title: 'x', due_date: '2026-12-31' }).expect(201)],
      ['update', () => caller.api.patch(`/tasks/${task.id}`, { title: 'y' }).expect(200)],
      ['complete', () => caller.api.post(`/tasks/${task.id}/complete`).expect(200)],
      ['trash', () => caller.api.delete(`/tasks/${task.id}`).expect(204)],
      ['delete', () => caller.api.delete(`/goals/${goal.id}?tasks=trash`).expect(204)],
      ['not found', () => caller.api.get(`/tasks/${task.id}`).expect(404)],
    ];
    const trips: [string, number][] = [];
    for (const [name, call] of calls) {
      proxy.reset();
      await call();
      trips.push([name, proxy.roundTrips]);
    }
    expect(trips).toEqual(calls.map(([name]) => [name, 1]));
  });

  it('run as enter and statement, in one transaction, with the owner as a parameter', async () => {
    const task = await newTask(caller);
    for (const call of [
      () => caller.api.get('/tasks').expect(200),
      () => caller.api.get(`/tasks/${task.id}`).expect(200),
      () => caller.api.patch(`/tasks/${task.id}`, { title: 'y' }).expect(200),
      () => caller.api.delete(`/tasks/${task.id}`).expect(204),
      () => caller.api.get('/goals').expect(200),
      () => caller.api.get('/auth/sessions').expect(200),
      () => caller.api.patch('/users/me', { full_name: 'Wire' }).expect(200),
    ]) {
      proxy.reset();
      await call();
      const statement = proxy.statements.pop();
      expect(proxy.statements.pop()).toEqual({
        text: 'SELECT enter($1, $2)',
        parameters: [expect.stringMatching(/^[0-9a-f-]{36}$/), caller.id],
      });
      const isWrite = !statement!.text.startsWith('SELECT');
      expect(proxy.statements.map(({ text }) => text)).toEqual(
        isWrite ? [`SELECT lock_user_writes($1), set_config('cairn.quotas', $2, true)`] : [],
      );
      expect(proxy.syncCount).toBe(1);
      expect(statement!.text).toMatch(/(user_id"?|users"?\."?id"?) = \$\d/);
      expect(statement!.parameters).toContain(caller.id);
    }
  });

  it('are parsed once for each connection', async () => {
    const task = await newTask(caller);
    await caller.api.get(`/tasks/${task.id}`).expect(200);
    proxy.reset();
    for (let i = 0; i < 5; i++) await caller.api.get(`/tasks/${task.id}`).expect(200);
    expect(proxy.parseCount).toBe(0);
  });
});

/** What an owned table lacks: policies, grants, keys and triggers that every such table has. */
async function missingSteps(database: Pick<ClientBase, 'query'>, table: string): Promise<string[]> {
  const missing: string[] = [];
  const check = (holds: boolean | undefined, message: string) => {
    if (!holds) missing.push(`${table}: ${message}`);
  };
  const list = async <T extends object>(text: string) => (await database.query<T>(text, [table])).rows;

  const [facts] = await list<Record<'owner' | 'version', string> & Record<'isEnabled' | 'isForced', boolean>>(
    `SELECT pg_get_userbyid(relowner) AS owner, relrowsecurity AS "isEnabled", relforcerowsecurity AS "isForced"
     FROM pg_class WHERE oid = $1::regclass`,
  );
  check(facts!.owner === 'cairn_owner', `is owned by ${facts!.owner}, not by cairn_owner`);
  check(facts!.isEnabled, 'row-level security is not enabled');
  check(facts!.isForced, 'row-level security is not forced');

  const constraints = (
    await list<{ text: string }>(
      `SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conrelid = $1::regclass`,
    )
  ).map(({ text }) => text);
  const columns = (
    await list<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    )
  ).map(({ name }) => name);
  if (columns.includes('id'))
    check(constraints.includes('PRIMARY KEY (user_id, id)'), 'the primary key is not (user_id, id)');
  check(
    constraints.some((text) =>
      /^FOREIGN KEY \(user_id(, \w+)?\) REFERENCES (users\(id\)|\w+\(user_id, id\)) ON DELETE CASCADE/.test(
        text,
      ),
    ),
    'no foreign key (user_id) references users (id) ON DELETE CASCADE',
  );

  const policies = (
    await list<{ line: string }>(
      `SELECT concat_ws(' ', policyname, cmd, roles, coalesce(qual, 'null'), coalesce(with_check, 'null')) AS line
       FROM pg_policies WHERE schemaname = 'public' AND tablename = $1 ORDER BY 1`,
    )
  ).map(({ line }) => line);
  const isOwner = '(user_id = ( SELECT current_user_id() AS current_user_id))';
  // The purge finds the owners of old rows in a trash.
  const purge = 'purge ALL {cairn_purge} (deleted_at IS NOT NULL) false';
  check(
    policies.filter((line) => line !== purge).join() === `owner ALL {cairn_app} ${isOwner} ${isOwner}`,
    `the policies are not exactly one, \`owner\` for cairn_app: ${policies.join(', ') || 'none'}`,
  );

  if (columns.includes('version')) {
    const triggers = await list<object>(
      `SELECT FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = $1 || '_3_version' AND tgenabled = 'O'`,
    );
    check(triggers.length === 1, `no trigger ${table}_3_version increments the version`);
    const history = await list<object>(
      `SELECT FROM pg_trigger WHERE tgrelid = $1::regclass AND tgname = $1 || '_4_history' AND tgenabled = 'O'`,
    );
    check(history.length === 1, `no trigger ${table}_4_history records changes`);
  }

  const grants = await list<{ role: string; privilege: string }>(
    `SELECT grantee::text AS role, privilege_type::text AS privilege FROM information_schema.table_privileges
     WHERE table_schema = 'public' AND table_name = $1 AND grantee NOT IN ('cairn_owner', 'cairn_backup', 'postgres')
     ORDER BY 1, 2`,
  );
  const updates = await list<{ role: string; column: string }>(
    `SELECT grantee::text AS role, column_name::text AS column FROM information_schema.column_privileges
     WHERE table_schema = 'public' AND table_name = $1 AND grantee NOT IN ('cairn_owner', 'postgres')
       AND privilege_type = 'UPDATE' ORDER BY 1, 2`,
  );
  const mayRead = grants.some(({ role, privilege }) => role === 'cairn_app' && privilege === 'SELECT');
  check(mayRead, 'cairn_app may not SELECT');
  for (const { role, privilege } of grants) {
    if (role === 'cairn_app' && privilege === 'UPDATE')
      check(false, 'cairn_app must not UPDATE the whole table, but columns');
    else
      check(
        role === 'cairn_app' && ['SELECT', 'INSERT', 'DELETE'].includes(privilege),
        `${role} must not ${privilege}`,
      );
  }
  const fixed = ['user_id', 'id', 'created_at', 'updated_at', 'version'];
  for (const { role, column } of updates)
    check(role === 'cairn_app' && !fixed.includes(column), `${role} must not UPDATE ${column}`);
  return missing;
}
