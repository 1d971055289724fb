import { Client } from 'pg';
import { startApp, TestApp } from '../setup/app';
import { newGoal, newPersonalToken, newTask, newUser, signIn, TestUser } from '../setup/factories';
import { asRole } from '../setup/server';
import { WireTap } from '../setup/postgres-proxy';

/*
 * The database without the application: what the login role, the restricted roles and one user can reach. Two users,
 * each with a goal, a task under it, a session and a personal token.
 */
let app: TestApp;
let user: TestUser;
let other: TestUser;
let login: Client;
let tables: string[];

beforeAll(async () => {
  app = await startApp();
  [user, other] = [await newUser(app), await newUser(app)];
  for (const owner of [user, other]) {
    const task = await newTask(owner, { goal_id: (await newGoal(owner)).id, tags: ['a'] });
    await owner.api.post(`/tasks/${task.id}/timer/start`).expect(201);
    await newPersonalToken(owner);
  }
  login = new Client({ connectionString: asRole(app.databaseUrl, 'cairn_login') });
  await login.connect();
  const { rows } = await app.database.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace`,
  );
  tables = rows.map(({ name }) => name);
});

afterAll(async () => {
  await login.end();
  await app.close();
});

/** Tries it and takes it back: the number of rows, or PostgreSQL's code for refusing it. */
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

/** insufficient_privilege */
const refused = '42501';
const statements = (table: string) => [
  `SELECT * FROM ${table}`,
  `SELECT count(*) FROM ${table} HAVING count(*) > 0`,
  `DELETE FROM ${table}`,
  `INSERT INTO ${table} SELECT * FROM ${table}`,
  `TRUNCATE ${table} CASCADE`,
  `LOCK TABLE ${table}`,
  `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
  `DROP TABLE ${table} CASCADE`,
];

it('there are the tables that these tests are about', () => {
  expect(tables.sort()).toEqual([
    'administrative_acts',
    'changes',
    'goals',
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
  ]);
});

it('the login role itself reaches nothing', async () => {
  for (const table of tables) {
    for (const statement of statements(table)) {
      expect([statement, await attempt('SELECT 1', statement)]).toEqual([statement, refused]);
    }
  }
});

it('the app role without a user reaches no row', async () => {
  for (const table of tables) {
    for (const statement of statements(table)) {
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

it('the role that purges reaches nothing but what may go', async () => {
  for (const table of tables) {
    for (const statement of statements(table)) {
      expect([
        [statement, refused],
        [statement, 0],
      ]).toContainEqual([statement, await attempt('SET LOCAL ROLE cairn_purge', statement)]);
    }
  }
  const removal = (table: string) => `DELETE FROM ${table}`;
  expect(await attempt('SET LOCAL ROLE cairn_purge', removal('goals'))).toBe(refused);
});

it.each(['cairn_auth', 'cairn_admin'])('%s has no right on tasks and goals', async (role) => {
  for (const table of ['tasks', 'goals', 'migrations']) {
    for (const statement of statements(table)) {
      expect([statement, await attempt(`SET LOCAL ROLE ${role}`, statement)]).toEqual([statement, refused]);
    }
  }
});

it('the administration role sees no secret, and can neither read nor change what it recorded', async () => {
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

describe('a user', () => {
  const asUser = () => `SELECT act_as('${user.id}')`;

  it('sees and changes the own rows alone, in every table', async () => {
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
      const owner = table === 'users' ? 'id' : 'user_id';
      const counts = async (who: string) => {
        const { rows } = await app.database.query<{ count: string }>(
          `SELECT count(*) FROM ${table} WHERE ${owner} = $1`,
          [who],
        );
        return Number(rows[0]!.count);
      };
      expect(await counts(other.id)).toBe(1);
      expect(await attempt(asUser(), `SELECT ${owner} FROM ${table}`)).toBe(await counts(user.id));
      expect(await attempt(asUser(), `SELECT ${owner} FROM ${table} WHERE ${owner} = '${other.id}'`)).toBe(0);
      const removal = await attempt(asUser(), `DELETE FROM ${table} WHERE ${owner} = '${other.id}' OR true`);
      expect([
        [table, refused],
        [table, 1],
      ]).toContainEqual([table, removal]);
    }
  });

  it('cannot make a row for another, nor link to another’s', async () => {
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

  it('cannot change keys, times and versions, nor see a password hash', async () => {
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

  it('is nobody when the transaction is over', async () => {
    await login.query('BEGIN');
    await login.query(asUser());
    expect((await login.query('SELECT current_user AS role')).rows).toEqual([{ role: 'cairn_app' }]);
    await login.query('COMMIT');
    const { rows } = await login.query(
      `SELECT current_user AS role, current_setting('cairn.user_id', true) AS user_id`,
    );
    expect(rows).toEqual([{ role: 'cairn_login', user_id: '' }]);
  });

  it('enters with a session that is alive, and the user’s own', async () => {
    const { rows } = await app.database.query<{ id: string; user_id: string }>(
      'SELECT id, user_id FROM sessions',
    );
    const [own, foreign] = [user, other].map(({ id }) => rows.find((session) => session.user_id === id)!.id);
    const enter = (session: string) => attempt('SELECT 1', `SELECT enter('${session}', '${user.id}')`);
    expect(await enter(own!)).toBe(1);
    expect(await enter(foreign!)).toBe('ZC401');
    expect(await enter('01a1fc21-db47-72db-b5fb-cb2dbd3c58f3')).toBe('ZC401');
  });
});

it('no role of the application can do DDL', async () => {
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

describe('the catalogue', () => {
  const query = async (text: string) => (await app.database.query<Record<string, unknown>>(text)).rows;

  it('has row-level security, forced, on every table but migrations, with policies for reading and writing', async () => {
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
    const policies = Object.fromEntries(rows.map((row) => [row.name, row.policies]));
    expect(policies).toEqual({
      administrative_acts: [administrator],
      changes: [owner],
      goals: [owner],
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

  it('has roles that own nothing, bypass nothing, and inherit nothing', async () => {
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

  it('carries user_id in every foreign key between owned tables', async () => {
    const rows = await query(`SELECT conname AS name,
        ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (n, i)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = n ORDER BY i) AS from,
        ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY k (n, i)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = n ORDER BY i) AS to
      FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1`);
    const between = rows.filter(({ to }) => (to as string[]).join() !== 'id');
    expect(between.length).toBe(8);
    for (const { name, from, to } of rows) {
      expect([name, (from as string[])[0]]).toEqual([name, 'user_id']);
      if (between.some((key) => key.name === name)) expect([name, to]).toEqual([name, ['user_id', 'id']]);
    }
    const owners = rows.filter(({ to }) => (to as string[]).join() === 'id').map(({ name }) => name);
    expect(owners).toEqual([
      'changes_user_id_fkey',
      'goals_user_id_fkey',
      'one_time_tokens_user_id_fkey',
      'personal_tokens_user_id_fkey',
      'sessions_user_id_fkey',
      'tags_user_id_fkey',
      'tasks_user_id_fkey',
      'time_entries_user_id_fkey',
    ]);
  });

  it('grants what is meant, and no more', async () => {
    const grants =
      await query(`SELECT format('%s: %s on %s', grantee, string_agg(privilege_type, ', ' ORDER BY privilege_type), table_name) AS line
      FROM information_schema.table_privileges WHERE table_schema = 'public' AND grantee <> 'cairn_owner'
      GROUP BY grantee, table_name ORDER BY 1`);
    expect(grants.map(({ line }) => line)).toEqual([
      'cairn_admin: DELETE on one_time_tokens',
      'cairn_admin: DELETE on personal_tokens',
      'cairn_admin: DELETE on users',
      'cairn_admin: INSERT on administrative_acts',
      'cairn_app: DELETE on users',
      'cairn_app: DELETE, INSERT on personal_tokens',
      'cairn_app: DELETE, INSERT, SELECT on changes',
      'cairn_app: DELETE, INSERT, SELECT on goals',
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
      'cairn_auth: INSERT, SELECT on sessions',
      'cairn_auth: INSERT, SELECT on users',
      'cairn_purge: DELETE on sessions',
      'cairn_purge: DELETE on users',
    ]);
    const columns =
      await query(`SELECT format('%s: UPDATE of %s (%s)', grantee, table_name, string_agg(column_name, ', ' ORDER BY column_name)) AS line
      FROM information_schema.column_privileges WHERE table_schema = 'public' AND grantee <> 'cairn_owner'
        AND privilege_type = 'UPDATE' GROUP BY grantee, table_name ORDER BY 1`);
    expect(columns.map(({ line }) => line)).toEqual([
      'cairn_admin: UPDATE of sessions (revoked_at)',
      'cairn_admin: UPDATE of users (is_active, is_superuser)',
      'cairn_app: UPDATE of goals (description, horizon, metrics, parent_goal_id, progress, progress_mode, project_name, status, success_criteria, target_date, title)',
      'cairn_app: UPDATE of sessions (revoked_at)',
      'cairn_app: UPDATE of tags (color, name)',
      'cairn_app: UPDATE of tasks (actual_hours, category, completed_at, deleted_at, description, due_date, estimated_hours, goal_id, notes, parent_task_id, priority, project_name, repository_path, status, tags, title)',
      'cairn_app: UPDATE of time_entries (ended_at)',
      'cairn_app: UPDATE of users (full_name, timezone, username)',
      'cairn_auth: UPDATE of mails (attempts, due_at)',
      'cairn_auth: UPDATE of personal_tokens (last_used_at)',
      'cairn_auth: UPDATE of rate_limits (free_at, hits, resets_at)',
      'cairn_auth: UPDATE of sessions (expires_at, generation, last_used_at, revoked_at)',
      'cairn_auth: UPDATE of users (email, email_verified_at, full_name, is_verified, last_login_at, password_hash, timezone, username)',
    ]);
    const functions =
      await query(`SELECT format('%s: %s', grantee, string_agg(routine_name, ', ' ORDER BY routine_name)) AS line
      FROM information_schema.routine_privileges WHERE routine_schema = 'public' AND grantee <> 'cairn_owner'
      GROUP BY grantee ORDER BY 1`);
    expect(functions.map(({ line }) => line)).toEqual([
      'cairn_app: count_progress, current_user_id, progress_of, refuse_unverified, take_turn',
      'cairn_auth: act_as, count_hits',
      'cairn_login: act_as, applied_migrations, enter, enter_as_administrator, enter_by_token, hold_account, take_turn',
    ]);
  });
});

describe('on the wire', () => {
  let tap: WireTap;
  let tapped: TestApp;
  let walker: TestUser;

  beforeAll(async () => {
    tap = await WireTap.open(app.databaseUrl);
    tapped = await startApp({ DATABASE_URL: tap.url, DATABASE_POOL_SIZE: '1' });
    await newUser(app, { email: 'wire@example.com' }); // which also sends the mails
    walker = await signIn(tapped, 'wire@example.com');
    await walker.api.get('/tasks').expect(200); // the connection stands
  });
  afterAll(async () => {
    await tapped.close();
    tap.close();
  });

  it('a read is one round trip, and so is a write of one statement', async () => {
    const goal = await newGoal(walker);
    const task = await newTask(walker, { goal_id: goal.id });
    const calls: [string, () => Promise<unknown>][] = [
      ['list', () => walker.api.get('/tasks?sort=due_date&include=total').expect(200)],
      ['read', () => walker.api.get(`/tasks/${task.id}`).expect(200)],
      ['tasks of a goal', () => walker.api.get(`/goals/${goal.id}/tasks`).expect(200)],
      ['create', () => walker.api.post('/tasks', { title: 'x', due_date: '2026-12-31' }).expect(201)],
      ['change', () => walker.api.patch(`/tasks/${task.id}`, { title: 'y' }).expect(200)],
      ['complete', () => walker.api.post(`/tasks/${task.id}/complete`).expect(200)],
      ['trash', () => walker.api.delete(`/tasks/${task.id}`).expect(204)],
      ['remove', () => walker.api.delete(`/goals/${goal.id}?tasks=trash`).expect(204)],
      ['not there', () => walker.api.get(`/tasks/${task.id}`).expect(404)],
    ];
    const trips: [string, number][] = [];
    for (const [name, call] of calls) {
      tap.forget();
      await call();
      trips.push([name, tap.roundTrips]);
    }
    expect(trips).toEqual(calls.map(([name]) => [name, 1]));
  });

  it('goes BEGIN · enter · statement · COMMIT, with the owner in the statement', async () => {
    const task = await newTask(walker);
    for (const call of [
      () => walker.api.get('/tasks').expect(200),
      () => walker.api.get(`/tasks/${task.id}`).expect(200),
      () => walker.api.patch(`/tasks/${task.id}`, { title: 'y' }).expect(200),
      () => walker.api.delete(`/tasks/${task.id}`).expect(204),
      () => walker.api.get('/goals').expect(200),
      () => walker.api.get('/auth/sessions').expect(200),
      () => walker.api.patch('/users/me', { full_name: 'Wire' }).expect(200),
    ]) {
      tap.forget();
      await call();
      const [begin, statement, ...end] = tap.sent;
      expect([begin!.text, end.map(({ text }) => text)]).toEqual([
        expect.stringMatching(
          new RegExp(
            `^BEGIN[A-Z ]*; (SELECT take_turn\\('${walker.id}'\\); )?SELECT enter\\('[0-9a-f-]{36}', '${walker.id}'\\)$`,
          ),
        ),
        ['COMMIT'],
      ]);
      expect(statement!.text).toMatch(/(user_id"?|users"?\."?id"?) = \$\d/);
      expect(statement!.parameters).toContain(walker.id);
    }
  });

  it('a statement is parsed and planned once', async () => {
    const task = await newTask(walker);
    await walker.api.get(`/tasks/${task.id}`).expect(200);
    tap.forget();
    for (let i = 0; i < 5; i++) await walker.api.get(`/tasks/${task.id}`).expect(200);
    expect(tap.parsed).toBe(0);
  });
});
