import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newDatabase, startApp, TestApp } from '../setup/app';
import type { Api } from '../setup/api';
import { countRows, createMissingRows, ownedTables, whyThereIsNoRow } from '../setup/catalogue';
import { newPersonalToken, newUser, password, TestUser } from '../setup/factories';
import { SentStatement, PostgresProxy } from '../setup/postgres-proxy';

/*
 * 3,000 users with three sessions each; 100 of them have 1,000 tasks and 100 goals each, and one of them 1,000 rows of
 * every other resource. Each row of the table of indexes in docs/schema.md names a request: the test sends it, records
 * its statements, and checks their plans.
 */
const documented = [
  ...readFileSync(join(__dirname, '../../docs/schema.md'), 'utf8').matchAll(
    /^\| `(\w+)` \| `(.+?)`(.*) \|$/gm,
  ),
].map(([, index = '', call = '', remark = '']) => ({ index, call, remark }));

let app: TestApp;
let proxy: PostgresProxy;
let user: TestUser;
let tokenApi: Api;
/** Values for the placeholders of documented requests: `{task}` is the id of a task. */
let ids: Record<string, string>;

beforeAll(async () => {
  proxy = await PostgresProxy.open(await newDatabase());
  app = await startApp({ DATABASE_URL: proxy.url });
  user = await newUser(app, { username: 'explainer' });
  tokenApi = app.api.withToken((await newPersonalToken(user)).token);
  await app.database.query(`
    INSERT INTO users (id, email, username, password_hash)
      SELECT gen_random_uuid(), 'crowd' || n || '@example.com', 'crowd' || n, '$argon2id$' FROM generate_series(1, 3000) n;
    UPDATE users SET is_superuser = true WHERE username = 'explainer';
    INSERT INTO personal_tokens (user_id, id, name, scopes, token_hash, expires_at)
      SELECT id, gen_random_uuid(), 'A program', '{read}', sha256(id::text::bytea), now() + interval '7 days' FROM users;
    INSERT INTO one_time_tokens (user_id, purpose, email, token_hash, expires_at)
      SELECT id, 'reset_password', email, sha256(id::text::bytea), now() + interval '7 days' FROM users;
    INSERT INTO sessions (user_id, id, expires_at) SELECT id, gen_random_uuid(), now() + interval '7 days' FROM users, generate_series(1, 3);
    INSERT INTO goals (user_id, id, title, status, horizon, target_date, created_at)
      SELECT u.id, gen_random_uuid(), 'Goal ' || n, (ARRAY['active', 'completed', 'on_hold', 'cancelled'])[1 + n % 4],
        (ARRAY['yearly', 'quarterly', 'monthly', 'weekly', NULL])[1 + n % 5],
        CASE WHEN n % 3 > 0 THEN timestamptz '2026-01-01Z' + n * interval '3 days' END, now() - n * interval '1 hour'
      FROM (SELECT id FROM users ORDER BY username = 'explainer' DESC LIMIT 100) u, generate_series(1, 100) n;
    UPDATE goals g SET parent_goal_id = p.id FROM goals p
      WHERE p.user_id = g.user_id AND p.title = 'Goal ' || (1 + substr(g.title, 6)::int % 10) AND substr(g.title, 6)::int > 10;
    INSERT INTO tasks (user_id, id, goal_id, title, status, category, due_date, created_at, deleted_at)
      SELECT g.user_id, gen_random_uuid(), g.id, 'Task ' || n,
        (ARRAY['pending', 'in_progress', 'blocked', 'completed', 'cancelled'])[1 + n % 5], 'c' || n % 10,
        CASE WHEN n % 4 > 0 THEN timestamptz '2026-01-01Z' + (substr(g.title, 6)::int * 10 + n) * interval '3 hours' END,
        now() - (substr(g.title, 6)::int * 10 + n) * interval '1 minute', CASE WHEN n = 9 THEN now() - n * interval '1 hour' END
      FROM goals g, generate_series(1, 10) n;
    INSERT INTO tags (user_id, id, name) SELECT DISTINCT t.user_id, gen_random_uuid(), 't' || n
      FROM (SELECT DISTINCT user_id FROM tasks) t, generate_series(1, 20) n;
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT t.user_id, t.id, g.id FROM tasks t JOIN tags g ON g.user_id = t.user_id
      AND g.name = 't' || (1 + hashtext(t.id::text) & 15);
    INSERT INTO task_dependencies (user_id, task_id, depends_on_id) SELECT t.user_id, t.id, o.id FROM tasks t
      JOIN tasks o ON o.user_id = t.user_id AND o.goal_id = t.goal_id AND o.title = 'Task 1' AND t.title = 'Task 4' ORDER BY 1, 2;
    INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at) SELECT t.user_id, gen_random_uuid(), t.id,
      t.created_at, t.created_at + interval '1 hour' FROM tasks t WHERE t.title IN ('Task 1', 'Task 2') AND t.user_id IN
      (SELECT id FROM users WHERE username = 'explainer' OR username LIKE 'crowd1_');
    INSERT INTO time_entries (user_id, id, task_id, started_at, ended_at) SELECT t.user_id, gen_random_uuid(), t.id,
      t.created_at + n * interval '1 hour', t.created_at + n * interval '1 hour' FROM tasks t, generate_series(1, 100) n
      WHERE t.user_id = (SELECT id FROM users WHERE username = 'explainer') AND t.title = 'Task 1';
    INSERT INTO imported_rows (user_id, entity, source_key, row_id, source_hash, row_hash)
      SELECT user_id, 'task', id::text, id, '', '' FROM tasks;
    INSERT INTO imports (user_id, id, status) SELECT id, gen_random_uuid(), 'completed' FROM users;
    INSERT INTO import_parts (user_id, import_id, number, data) SELECT user_id, id, 0, '' FROM imports;
    INSERT INTO idempotency_keys (user_id, key_hash, body_hash, status) SELECT user_id, sha256(id::text::bytea), '', 204 FROM tasks;
    UPDATE tasks t SET parent_task_id = p.id FROM tasks p
      WHERE p.user_id = t.user_id AND p.goal_id = t.goal_id AND p.title = 'Task 1' AND t.title IN ('Task 2', 'Task 3');
  `);
  const { rows } = await app.database.query<{ task: string; goal: string }>(
    `SELECT id AS task, goal_id AS goal FROM tasks WHERE user_id = $1 AND title = 'Task 1' LIMIT 1`,
    [user.id],
  );
  ids = { ...(await fillOtherTables()), ...rows[0]! };
  await app.database.query('VACUUM ANALYZE');
});

afterAll(async () => {
  await app.close();
  proxy.close();
});

/** Indexes that serve constraints only. */
const indexesOfConstraints = ['imports_unfinished_key', 'tags_name_key', 'task_dependencies_by_other'];

describe('the documented indexes', () => {
  it('are tested with 100,000 tasks', async () => {
    const { rows } = await app.database.query('SELECT count(*)::int FROM tasks');
    expect(rows).toEqual([{ count: 100_000 }]);
  });

  it('are all indexes except primary keys and those of constraints', async () => {
    const { rows } = await app.database.query<{ indexname: string }>(
      `SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'migrations'`,
    );
    const isKey = (index: string) => index.endsWith('_pkey') || indexesOfConstraints.includes(index);
    const indexes = rows.map(({ indexname }) => indexname).filter((index) => !isKey(index));
    const documentedIndexes = documented.map(({ index }) => index).filter((index) => !isKey(index));
    expect([...new Set(documentedIndexes)].sort()).toEqual(indexes.sort());
  });

  it.each(documented)('$index serves $call$remark', async ({ index, call, remark }) => {
    const [method = '', path = ''] = call.split(' ');
    proxy.reset();
    if (path === '/auth/login') {
      const name = remark.includes('username') ? { username: 'explainer' } : { email: user.email };
      await app.api.post(path, { ...name, password }).expect(200);
    } else if (method === 'POST') {
      await app.api.post(path, { token: 'x', new_password: 'a cairn of other stones' }).expect(422);
    } else {
      const url = path.replace(
        /\{(\w+)\}/g,
        (_match, name: string) => ids[name] ?? `no-${name}-in-the-fixture`,
      );
      const caller = remark.includes('personal token') ? tokenApi : user.api;
      const { body, status } = await caller.get(url);
      expect([200, 204]).toContain(status);
      const { next_cursor } = body as { next_cursor?: string };
      if (next_cursor)
        await caller.get(`${url}${url.includes('?') ? '&' : '?'}cursor=${next_cursor}`).expect(200);
    }
    // Every request calls `enter`, so that its plan says nothing about the request's own query.
    const isAboutEnter = remark.includes('enter');
    // Background work may send statements at any time.
    let role = '';
    const statements = proxy.statements.flatMap((statement) => {
      const newRole = roleTakenBy(statement);
      role = newRole ?? role;
      const isRelevant = isAboutEnter
        ? statement.text.startsWith('SELECT enter(')
        : newRole === undefined && /^\s*(SELECT|UPDATE|WITH)/.test(statement.text);
      return isRelevant && role !== 'cairn_purge' ? [{ ...statement, role }] : [];
    });
    expect(statements.length).toBeGreaterThan(0);
    for (const plans of ['force_generic_plan', 'force_custom_plan']) {
      const used = [];
      for (const statement of statements) {
        const found = await planNodes(statement, plans);
        used.push(...found);
        if (!statement.text.includes(') < (') && !statement.text.includes(') > (')) continue;
        const conditions = found.map((node) => node['Index Cond'] ?? '');
        expect(conditions).toContainEqual(expect.stringMatching(/ROW\(|\(id > /));
      }
      expect({ plans, indexes: used.map((node) => node['Index Name']).filter(Boolean) }).toEqual({
        plans,
        indexes: expect.arrayContaining([index]) as string[],
      });
      expect(used.map((node) => node['Node Type'])).not.toContain('Seq Scan');
      const sorts = used.filter((node) => ['Sort', 'Incremental Sort'].includes(node['Node Type']));
      const sorted = sorts.flatMap(flatten).map((node) => node['Relation Name']);
      if (remark.includes('sorts days only')) expect(sorted).not.toContain('tasks');
      else expect(sorts).toEqual([]);
    }
  });
});

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Relation Name'?: string;
  Plans?: PlanNode[];
}

/** The role that a statement takes at the beginning of a transaction, if it does. */
function roleTakenBy({ text, parameters }: SentStatement): string | undefined {
  if (text.startsWith(`SELECT set_config('role'`)) return parameters[0]!;
  if (text.startsWith('SELECT enter_as_administrator(')) return 'cairn_admin';
  return text.startsWith('SELECT enter') ? 'cairn_app' : undefined;
}

/** All nodes of the plan of a statement, under the role and the policies of the application. */
async function planNodes(
  { text, parameters, role }: SentStatement & { role: string },
  plans: string,
): Promise<PlanNode[]> {
  // The plan of a function call does not show its query: this is a copy of the query in `enter`.
  const isEnter = text.startsWith('SELECT enter(');
  const query = isEnter
    ? `SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1::uuid AND s.user_id = $2::uuid
       AND session_is_alive(s.revoked_at, s.expires_at) AND u.is_active`
    : text;
  const client = await app.database.connect();
  try {
    await client.query(`BEGIN; SET LOCAL plan_cache_mode = ${plans}`);
    if (isEnter) await client.query('SET LOCAL ROLE cairn_auth');
    else if (role !== 'cairn_app') await client.query(`SET LOCAL ROLE ${role}`);
    else await client.query('SELECT act_as($1)', [user.id]);
    await client.query(`PREPARE explained AS ${query}`);
    const values = parameters.map((value) => (value === null ? 'NULL' : client.escapeLiteral(value)));
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `EXPLAIN (FORMAT JSON) EXECUTE explained${values.length ? `(${values.join(', ')})` : ''}`,
    );
    return flatten(rows[0]!['QUERY PLAN'][0].Plan);
  } finally {
    await client.query('ROLLBACK; DEALLOCATE ALL');
    client.release();
  }
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

/**
 * Fills the owned tables in which the user has no rows: one row by the request example of the API, copied to 1,000 rows of
 * the user and to 10 rows of 100 other users each.
 * @returns the id of one of the user's rows, by the singular name of each owned table
 */
async function fillOtherTables(): Promise<Record<string, string>> {
  const tables = await ownedTables(app);
  const empty: string[] = [];
  for (const table of tables) if ((await countRows(app, table, user.id)) === 0) empty.push(table);
  await createMissingRows(app, user);
  for (const table of empty) await multiplyRow(table);
  const found: Record<string, string> = {};
  for (const table of tables) {
    const columns = await columnsOf(table);
    if (!columns.some(({ name }) => name === 'id')) continue;
    const { rows } = await app.database.query<{ id: string }>(
      `SELECT id::text FROM ${table} WHERE user_id = $1 ORDER BY id LIMIT 1`,
      [user.id],
    );
    if (rows[0]) found[table.replace(/ies$/, 'y').replace(/s$/, '')] = rows[0].id;
  }
  return found;
}

interface Column {
  name: string;
  isNullable: boolean;
  /** Whether it is part of a foreign key to another row of the same user. */
  isReference: boolean;
}

/** Copies the only row of a table. Copies for other users have no references to other rows. */
async function multiplyRow(table: string): Promise<void> {
  if ((await countRows(app, table, user.id)) === 0) throw new Error(whyThereIsNoRow(app, table));
  const columns = await columnsOf(table);
  const copy = (isOwn: boolean) =>
    columns.map(({ name, isNullable, isReference }) => {
      if (name === 'user_id') return 'u.id';
      if (name === 'id') return 'gen_random_uuid()';
      if (name === 'created_at') return `r.created_at - n * interval '1 minute'`;
      return isReference && isNullable && !isOwn ? 'NULL' : `r.${name}`;
    });
  const names = columns.map(({ name }) => name).join(', ');
  const isCopiedToOthers = columns.every(({ isReference, isNullable }) => !isReference || isNullable);
  const insert = (isOwn: boolean, users: string, count: number) =>
    app.database.query(
      `INSERT INTO ${table} (${names}) SELECT ${copy(isOwn).join(', ')}
       FROM (SELECT * FROM ${table} WHERE user_id = $1 LIMIT 1) r, (${users}) u, generate_series(1, ${count}) n`,
      [user.id],
    );
  await insert(true, 'SELECT $1::uuid AS id', 999);
  if (isCopiedToOthers) await insert(false, 'SELECT id FROM users WHERE id <> $1 ORDER BY id LIMIT 100', 10);
}

async function columnsOf(table: string): Promise<Column[]> {
  const { rows } = await app.database.query<Column>(
    `SELECT attname AS name, NOT attnotnull AS "isNullable", EXISTS (
       SELECT FROM pg_constraint WHERE contype = 'f' AND conrelid = attrelid AND attnum = ANY (conkey)
         AND attname <> 'user_id') AS "isReference"
     FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
     ORDER BY attnum`,
    [table],
  );
  return rows;
}
