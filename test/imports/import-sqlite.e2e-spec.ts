import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { Database } from 'node-sqlite3-wasm';
import { startApp, TestApp } from '../setup/app';
import { countRows, ownedTables } from '../setup/catalogue';
import { runCli, runCommand } from '../setup/cli';
import { Json, newUser, password, signIn, TestUser } from '../setup/factories';
import { LegacyFile } from '../setup/legacy-file';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { waitForMails } from '../setup/mailbox';
import { runNode } from '../setup/processes';
import { asRole } from '../setup/server';

const zone = 'America/Los_Angeles';

let app: TestApp;
let user: TestUser;
let file: LegacyFile;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());
beforeEach(async () => {
  user = await newUser(app);
  await waitForMails(app); // nothing but the import writes to the database
  file = new LegacyFile();
});

const environment = () => ({
  DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
  JWT_SECRET_KEY: 'x'.repeat(32),
});

function argumentsFor(source: LegacyFile | string, options: string[]): string[] {
  const path = typeof source === 'string' ? source : source.path;
  const owner = options.includes('--owner') ? [] : ['--owner', user.email];
  const timezone = options.includes('--timezone') ? [] : ['--timezone', zone];
  const report = ['--report', file.beside('report.md')];
  return ['import-sqlite', '--file', path, ...owner, ...timezone, ...report, ...options];
}

/** @returns the output */
async function importFile(...options: string[]): Promise<string> {
  const [status, output] = await runCommand(argumentsFor(file, options), environment());
  expect([status, output]).toEqual([0, output]);
  return output;
}

/** @returns the output of an import that imports nothing */
async function refusedImport(
  source: LegacyFile | string = file,
  options: string[] = [],
  variables: NodeJS.ProcessEnv = {},
): Promise<string> {
  const before = await dump();
  const [status, output] = await runCommand(argumentsFor(source, options), {
    ...environment(),
    ...variables,
  });
  expect([status, output]).toEqual([1, output]);
  expect(output).not.toContain('    at ');
  expect(await dump()).toEqual(before);
  return output;
}

const report = () => readFileSync(file.beside('report.md'), 'utf8');
const leftOut = () => JSON.parse(readFileSync(file.beside('report.json'), 'utf8')) as Record<string, unknown>;

/** All rows of all tables. */
async function dump(): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const table of ['users', 'mails', ...(await ownedTables(app))]) {
    const { rows } = await app.database.query<{ row: string }>(
      `SELECT to_jsonb(t)::text AS row FROM ${table} t ORDER BY 1`,
    );
    tables[table] = rows.map(({ row }) => row);
  }
  return tables;
}

/** The items of a list of the API, by the part of their title before a colon. */
async function byTitle(path: string): Promise<Record<string, Json>> {
  const { body } = await user.api.get(`${path}?limit=200`).expect(200);
  const items = (body as { items: (Json & { title: string })[] }).items;
  return Object.fromEntries(items.map((item): [string, Json] => [item.title.split(':')[0]!, item]));
}

async function rowsOf<Row extends object>(text: string): Promise<Row[]> {
  return (await app.database.query<Row>(text, [user.id])).rows;
}

/** Goals and tasks with every oddity. */
function addOddities(): void {
  const goal = (values: Record<string, string | number | null>) => file.add('goals', values);
  goal({
    id: 1,
    title: 'g1: 🪨 שלום',
    description: 'text',
    horizon: 'yearly',
    target_date: '2026-12-31 00:00:00.000000',
    progress_percentage: 50,
    success_criteria: 'criteria',
    created_at: '2025-03-01 10:00:00.123456',
    updated_at: '2025-03-02 10:00:00.000000',
    metrics: '{"a": {"b": [1, 2.5]}}',
    project_name: 'Project',
    repository_path: '/home/me/project',
  });
  goal({
    id: 2,
    title: 'g2',
    status: 'COMPLETED',
    parent_goal_id: 1,
    progress_percentage: 50,
    updated_at: '2025-06-01 12:00:00.000000',
    metrics: 'null',
  });
  goal({ id: 3, title: 'g3', parent_goal_id: 4, metrics: '{}' });
  goal({ id: 4, title: 'g4', parent_goal_id: 3, metrics: '[1]' });
  goal({ id: 5, title: 'g5', parent_goal_id: 99, horizon: 'decade', progress_percentage: 130 });
  goal({ id: 6, title: 'g6', progress_percentage: null, status: null });
  goal({ id: 7, title: 'g7', progress_percentage: 100 });
  const task = (values: Record<string, string | number | null>) => file.add('tasks', values);
  task({
    id: 1,
    title: 't1: \u202eabc',
    description: ' 🪨\n ',
    priority: 1,
    status: 'in_progress',
    category: 'work',
    estimated_hours: 1.5,
    actual_hours: 0,
    due_date: '2025-03-09 02:30:00.000000',
    created_at: '2025-03-09 10:30:00.654321',
    parent_goal_id: 1,
    dependencies: '[2, 77, 1, 2]',
    notes: 'first\n[BLOCKED] Waiting for parts',
    tags: '["Work", "home"]',
    project_name: 'Project',
    repository_path: '/home/me/project',
  });
  task({
    id: 2,
    title: 't2',
    status: 'completed',
    created_at: '2025-10-12 09:00:00.000000',
    completed_at: '2025-11-02 01:30:00.000000',
    parent_goal_id: 1,
    dependencies: '["1"]',
    tags: '["work", "WORK"]',
  });
  task({
    id: 3,
    title: 't3',
    status: 'weird',
    priority: 9,
    parent_goal_id: 99,
    tags: 'null',
    dependencies: 'null',
  });
  task({ id: 4, title: null, status: null, priority: null, tags: '[]', dependencies: '[]' });
  task({ id: 5, title: 't5', status: 'done', parent_goal_id: 6 });
  task({
    id: 6,
    title: 't6',
    created_at: '2025-10-11 10:00:00.000000',
    completed_at: '2025-10-12 00:00:00.000000',
  });
  task({ id: 7, title: 't7', estimated_hours: 1.337, actual_hours: -1, due_date: 'soon', tags: 'a, b' });
  task({ id: 8, title: 't8' });
  file.run(
    `UPDATE tasks SET description = 'a' || char(0) || 'b', notes = CAST(x'61ff' AS TEXT) WHERE id = 8`,
  );
  task({
    id: 9,
    title: 't9',
    status: 'completed',
    completed_at: '2025-01-02 00:00:00.000000',
    parent_goal_id: 7,
  });
  file.run('CREATE TABLE daily_logs (id INTEGER PRIMARY KEY, log TEXT, raw BLOB)');
  file.run(`INSERT INTO daily_logs VALUES (1, 'Dear diary', x'00ff'), (2, NULL, NULL)`);
  file.run('CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID');
  file.run(`INSERT INTO settings VALUES ('theme', 1)`);
}

describe('the first import', () => {
  it('brings goals exactly, and mends what Cairn cannot store', async () => {
    addOddities();
    const source = readFileSync(file.path);
    await importFile();
    expect(readFileSync(file.path)).toEqual(source);
    const goals = await byTitle('/goals');
    const g1 = goals.g1!;
    expect(g1).toMatchObject({
      title: 'g1: 🪨 שלום',
      description: 'text',
      horizon: 'yearly',
      target_date: '2026-12-31T08:00:00.000Z',
      status: 'active',
      progress: 50,
      progress_mode: 'computed',
      success_criteria: 'criteria',
      metrics: { a: { b: [1, 2.5] } },
      parent_goal_id: null,
      project_name: 'Project',
      completed_at: null,
      created_at: '2025-03-01T10:00:00.123Z',
    });
    expect(goals.g2).toMatchObject({
      status: 'completed',
      completed_at: '2025-06-01T12:00:00.000Z',
      parent_goal_id: g1.id,
      progress: 50,
      progress_mode: 'manual',
      metrics: null,
    });
    expect([goals.g3!.parent_goal_id, goals.g4!.parent_goal_id]).toEqual([goals.g4!.id, null]);
    expect([goals.g3!.metrics, goals.g4!.metrics]).toEqual([{}, { value: [1] }]);
    expect(goals.g5).toMatchObject({ parent_goal_id: null, horizon: null, progress: 100, status: 'active' });
    expect(goals.g6).toMatchObject({
      status: 'active',
      progress: 100,
      progress_mode: 'computed',
      metrics: null,
    });
    // All its tasks are completed, but the planner did not complete it.
    expect(goals.g7).toMatchObject({
      status: 'active',
      progress: 100,
      progress_mode: 'computed',
      completed_at: null,
    });
    const isWrong = `(progress_mode = 'computed') <> (progress IS NOT DISTINCT FROM progress_of(user_id, id))`;
    expect(await rowsOf(`SELECT title FROM goals WHERE user_id = $1 AND ${isWrong}`)).toEqual([]);
    const [sqlNull] = await rowsOf(`SELECT count(*)::int FROM goals WHERE user_id = $1 AND metrics IS NULL`);
    expect(sqlNull).toEqual({ count: 4 });
  });

  it('brings tasks exactly, with times from their own bases', async () => {
    addOddities();
    await importFile();
    const [goals, tasks] = [await byTitle('/goals'), await byTitle('/tasks')];
    const t1 = tasks.t1!;
    expect(t1).toMatchObject({
      title: 't1: \u202eabc',
      description: ' 🪨\n ',
      priority: 1,
      status: 'in_progress',
      category: 'work',
      estimated_hours: 1.5,
      actual_hours: 0,
      due_date: '2025-03-09T10:30:00.000Z', // skipped
      created_at: '2025-03-09T10:30:00.654Z', // UTC
      goal_id: goals.g1!.id,
      notes: 'first\n[BLOCKED] Waiting for parts',
      tags: ['home', 'Work'],
      project_name: 'Project',
      repository_path: '/home/me/project',
      completed_at: null,
    });
    expect(parseInt(t1.id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.parse('2025-03-09T10:30:00.654Z'));
    expect(tasks.t2).toMatchObject({
      status: 'completed',
      created_at: '2025-10-12T16:00:00.000Z', // local
      completed_at: '2025-11-02T08:30:00.000Z', // the first occurrence
      tags: ['Work'],
    });
    const dependencies = await rowsOf(
      `SELECT task_id, depends_on_id FROM task_dependencies WHERE user_id = $1`,
    );
    expect(dependencies).toEqual([{ task_id: t1.id, depends_on_id: tasks.t2!.id }]);
    expect(tasks.t3).toMatchObject({ status: 'pending', priority: 5, goal_id: null, tags: [] });
    expect(tasks.Untitled).toMatchObject({ status: 'pending', priority: 3, tags: [] });
    expect(tasks.t5).toMatchObject({ status: 'completed', completed_at: '2025-01-01T00:00:00.000Z' });
    expect(tasks.t6).toMatchObject({ created_at: '2025-10-11T10:00:00.000Z', completed_at: null });
    expect(tasks.t7).toMatchObject({ estimated_hours: 1.34, actual_hours: null, due_date: null, tags: [] });
    expect(tasks.t8).toMatchObject({ description: 'ab', notes: 'a\ufffd' });
    expect(Object.keys(tasks)).toHaveLength(9);
    const { body } = await user.api.get('/tags').expect(200);
    const tags = (body as { items: { name: string; task_count: number }[] }).items;
    expect(tags.map(({ name, task_count }) => [name, task_count]).sort()).toEqual([
      ['Work', 2],
      ['home', 1],
    ]);
    const history = await rowsOf<{ operation: string; count: number }>(
      `SELECT operation, count(*)::int FROM changes WHERE user_id = $1 AND entity = 'task' GROUP BY 1`,
    );
    expect(history).toEqual([{ operation: 'create', count: 9 }]);
  });

  it('names each mended row in the report, and keeps the rest in a JSON file', async () => {
    addOddities();
    const output = await importFile();
    for (const line of [
      '| goals | 7 | 7 | 0 | 0 | 0 | 0 |',
      '| tasks | 9 | 9 | 0 | 0 | 0 | 0 |',
      '- goals 2, status: "COMPLETED" → completed',
      '- goals 2, completed_at: none → 2025-06-01T12:00:00.000Z, from updated_at',
      '- goals 4, parent_goal_id: 3 → none',
      '- goals 4, metrics: is not an object → the member "value" of an object',
      '- goals 5, parent_goal_id: 99 → none',
      '- goals 5, horizon: "decade" → none',
      '- goals 5, progress_percentage: 130 → 100',
      '- goals 6, status: none → active',
      '- tasks 1, due_date: "2025-03-09 02:30:00.000000" → 2025-03-09T10:30:00.000Z',
      '- tasks 1, dependencies: 77 → none',
      '- tasks 1, dependencies: 1 → none',
      '- tasks 2, dependencies: 1 → none',
      '- tasks 2, completed_at: "2025-11-02 01:30:00.000000" → 2025-11-02T08:30:00.000Z',
      '- tasks 2, tags: "WORK" → "work"',
      '- tags Work, work → one tag',
      '- tasks 3, status: "weird" → pending',
      '- tasks 3, priority: 9 → 5',
      '- tasks 3, parent_goal_id: 99 → none',
      '- tasks 4, title: none → Untitled',
      '- tasks 4, status: none → pending',
      '- tasks 4, priority: none → 3',
      '- tasks 5, status: "done" → completed',
      '- tasks 5, completed_at: none → 2025-01-01T00:00:00.000Z, from created_at',
      '- tasks 6, created_at: "2025-10-11 10:00:00.000000" → 2025-10-11T10:00:00.000Z, or 2025-10-11T17:00:00.000Z',
      '- tasks 6, completed_at: "2025-10-12 00:00:00.000000", but the status is pending → none',
      '- tasks 7, estimated_hours: 1.337 → 1.34',
      '- tasks 7, actual_hours: -1 → none',
      '- tasks 7, due_date: "soon" → none',
      '- tasks 7, tags: cannot be read: left out',
      '- tasks 8, description: has null characters → removed',
      '- tasks 8, notes: has bytes that are not UTF-8 → U+FFFD',
      '- the table daily_logs: 2 rows, in report.json',
      '- goals.repository_path: 1 values, in report.json',
    ]) {
      expect(report().split('\n')).toContain(line);
    }
    expect(report().match(/\| \w+\.\w+ \| \d+ \| [0-9a-f]{64} \| same \|/g)).toHaveLength(31);
    expect(output).toContain('Checksums: 31 of 31 columns are the same');
    expect(output).not.toContain('Dear diary');
    const { tables, values, originals } = leftOut();
    expect(tables).toEqual({
      daily_logs: [
        { id: 1, log: 'Dear diary', raw: { base64: 'AP8=' } },
        { id: 2, log: null, raw: null },
      ],
      settings: [{ name: 'theme', value: 1 }],
    });
    expect(values).toContainEqual({
      table: 'goals',
      id: 1,
      column: 'repository_path',
      value: '/home/me/project',
    });
    expect(originals).toContainEqual({ table: 'tasks', id: 7, column: 'tags', value: 'a, b' });
    expect(originals).toContainEqual({ table: 'tasks', id: 8, column: 'notes', value: { base64: 'Yf8=' } });
  });

  it('reads files of older versions, without some columns', async () => {
    file = new LegacyFile(['project_name', 'repository_path', 'tags']);
    file.add('tasks', { title: 'old' });
    await importFile();
    expect((await byTitle('/tasks')).old).toMatchObject({ project_name: null, tags: [] });
    expect(report()).toContain('- tasks: the file has no columns tags, project_name, repository_path\n');
  });

  it('includes transactions that are only in the write-ahead log', async () => {
    const wal = new Database(file.path);
    wal.exec('PRAGMA locking_mode = exclusive; PRAGMA journal_mode = wal');
    wal.exec(
      `INSERT INTO tasks (title, status, created_at) VALUES ('in the log', 'pending', '2025-01-01 00:00:00.000000')`,
    );
    const copy = new LegacyFile();
    for (const suffix of ['', '-wal']) writeFileSync(copy.path + suffix, readFileSync(file.path + suffix));
    wal.close();
    file = copy;
    const files = readdirSync(file.beside('.')).sort();
    await importFile();
    expect(Object.keys(await byTitle('/tasks'))).toEqual(['in the log']);
    expect(readdirSync(file.beside('.')).sort()).toEqual([...files, 'report.json', 'report.md'].sort());
  });

  it('creates the account with --create-owner, whose user sets a password with the mailed token', async () => {
    file.add('tasks', { title: 'mine' });
    const email = 'moving.in@example.com';
    expect(await refusedImport(file, ['--owner', email])).toContain(
      `There is no account with the email address ${email}.`,
    );
    const before = await dump();
    await importFile('--owner', email, '--create-owner', '--dry-run');
    expect(await dump()).toEqual(before);
    expect(await importFile('--owner', email, '--create-owner')).toContain('The account is new');
    const { rows } = await app.database.query(`SELECT kind FROM mails WHERE email = $1`, [email]);
    expect(rows).toEqual([{ kind: 'reset_password' }]);
    await app.api.post('/auth/password/forgot', { email }).expect(202);
    await waitForMails(app);
    const mail = app.mailbox.mails.findLast(({ to }) => to?.[0]?.address === email)!;
    const [, token] = /Token: (\S+)/.exec(mail.text!)!;
    await app.api.post('/auth/password/reset', { token, new_password: password }).expect(204);
    user = await signIn(app, email);
    expect(Object.keys(await byTitle('/tasks'))).toEqual(['mine']);
    const { body } = await user.api.get('/users/me').expect(200);
    expect((body as { timezone: string }).timezone).toBe(zone);
  });
});

describe('the dry run', () => {
  it('reports the same and changes nothing in the database', async () => {
    addOddities();
    const before = await dump();
    expect(await importFile('--dry-run')).toContain('The database is unchanged.');
    expect(await dump()).toEqual(before);
    const withoutIds = (text: string) =>
      text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|^Dry run.*|^Imported.*/gm, '');
    const dryReport = withoutIds(report());
    await importFile();
    expect(withoutIds(report())).toBe(dryReport);
  });
});

describe('importing again', () => {
  it('changes nothing if the source has not changed', async () => {
    addOddities();
    await importFile();
    const before = await dump();
    await importFile();
    expect(await dump()).toEqual(before);
    expect(report()).toContain('| goals | 7 | 0 | 0 | 7 | 0 | 0 |');
    expect(report()).toContain('| tasks | 9 | 0 | 0 | 9 | 0 | 0 |');
  });

  it('takes up what is new or changed, and keeps what was changed or deleted in Cairn', async () => {
    for (const id of [1, 2, 3, 4]) file.add('tasks', { id, title: `t${id}`, tags: '["old"]' });
    file.add('goals', { id: 1, title: 'g1' });
    file.add('goals', { id: 2, title: 'g2' });
    await importFile();
    const before = await byTitle('/tasks');
    const { g2 } = await byTitle('/goals');
    await user.api.delete(`/goals/${g2!.id}`).expect(204);
    await user.api.patch(`/tasks/${before.t2!.id}`, { notes: 'in Cairn' }).expect(200);
    await user.api.delete(`/tasks/${before.t3!.id}?permanent=true`).expect(204);
    await user.api.delete(`/tasks/${before.t4!.id}`).expect(204);
    file.run(`UPDATE tasks SET title = title || ': changed', parent_goal_id = 1, tags = '["new"]'`);
    file.run(`UPDATE tasks SET dependencies = '[5, 3]' WHERE id = 1`);
    file.add('tasks', { id: 5, title: 't5', tags: '["OLD"]', parent_goal_id: 2 });

    await importFile();
    const after = await byTitle('/tasks');
    expect(Object.keys(after).sort()).toEqual(['t1', 't2', 't5']);
    expect(after.t1).toMatchObject({ id: before.t1!.id, title: 't1: changed', tags: ['new'], version: 2 });
    expect(after.t2).toMatchObject({ title: 't2', notes: 'in Cairn', tags: ['old'], version: 2 });
    expect(after.t5).toMatchObject({ tags: ['old'], goal_id: null });
    const trashed = await user.api.get('/goals?trashed=true').expect(200);
    expect((trashed.body as { items: Json[] }).items).toMatchObject([
      { id: g2!.id, version: Number(g2!.version) + 1 },
    ]);
    const dependencies = await rowsOf(
      `SELECT task_id, depends_on_id FROM task_dependencies WHERE user_id = $1`,
    );
    expect(dependencies).toEqual([{ task_id: before.t1!.id, depends_on_id: after.t5!.id }]);
    expect(report()).toContain('| tasks | 5 | 1 | 1 | 0 | 2 | 1 |');
    expect(report()).toContain(`- tasks 2 (${before.t2!.id})\n- tasks 4 (${before.t4!.id})`);
    expect(report()).toContain('- tasks 1, dependencies: 3 → none');
    const { body } = await user.api.get('/tasks?trashed=true').expect(200);
    expect((body as { items: Json[] }).items).toMatchObject([{ title: 't4' }]);

    await importFile();
    expect(report()).toContain('| tasks | 5 | 0 | 0 | 2 | 2 | 1 |');
  });

  it('is not misled by what Cairn changes by itself', async () => {
    file.add('goals', { id: 1, title: 'g1' });
    file.add('goals', { id: 2, title: 'g2', parent_goal_id: 1 });
    file.add('tasks', { id: 1, title: 't1', parent_goal_id: 2, tags: '["home"]' });
    file.add('tasks', { id: 2, title: 't2', tags: '["home"]' });
    await importFile();
    const tasks = await byTitle('/tasks');
    await user.api.post(`/tasks/${tasks.t1!.id}/complete`).expect(200);
    expect((await byTitle('/goals')).g1).toMatchObject({ status: 'completed', progress: 100 });
    const { body } = await user.api.get('/tags').expect(200);
    const [tag] = (body as { items: Json[] }).items;
    await user.api.patch(`/tags/${tag!.id}`, { name: 'house' }).expect(200);
    file.run(`UPDATE goals SET description = 'new' WHERE id = 1`);
    file.run(`UPDATE tasks SET description = 'new' WHERE id = 2`);

    await importFile();
    expect(report()).toContain('| goals | 2 | 0 | 1 | 1 | 0 | 0 |');
    expect(report()).toContain('| tasks | 2 | 0 | 1 | 1 | 0 | 0 |');
    expect((await byTitle('/goals')).g1).toMatchObject({ description: 'new', status: 'completed' });
    expect((await byTitle('/tasks')).t2).toMatchObject({ description: 'new', tags: ['house'] });
    expect(await countRows(app, 'tags', user.id)).toBe(1);
  });

  it('takes reused ids for new rows', async () => {
    file.add('tasks', { id: 1, title: 'first' });
    await importFile();
    file.run('DELETE FROM tasks');
    file.add('tasks', { id: 1, title: 'second', created_at: '2025-02-02 00:00:00.000000' });
    await importFile();
    expect(Object.keys(await byTitle('/tasks')).sort()).toEqual(['first', 'second']);
  });

  it('creates no cycle together with links that were made in Cairn', async () => {
    for (const id of [1, 2]) {
      file.add('goals', { id, title: `g${id}` });
      file.add('tasks', { id, title: `t${id}` });
    }
    await importFile();
    const [goals, tasks] = [await byTitle('/goals'), await byTitle('/tasks')];
    await user.api.patch(`/goals/${goals.g1!.id}`, { parent_goal_id: goals.g2!.id }).expect(200);
    await user.api.put(`/tasks/${tasks.t1!.id}/dependencies/${tasks.t2!.id}`).expect(204);
    file.run(`UPDATE goals SET parent_goal_id = 1 WHERE id = 2`);
    file.run(`UPDATE tasks SET dependencies = '[1]' WHERE id = 2`);
    await importFile();
    expect(report()).toContain('- goals 2, parent_goal_id: 1 → none');
    expect(report()).toContain('- tasks 2, dependencies: 1 → none');
    expect((await byTitle('/goals')).g1!.parent_goal_id).toBe(goals.g2!.id);
  });

  it('takes up goals that were moved below each other, and completed', async () => {
    file.add('goals', { id: 1, title: 'g1', parent_goal_id: 2 });
    file.add('goals', { id: 2, title: 'g2' });
    await importFile();
    file.run(`UPDATE goals SET parent_goal_id = 3 - id WHERE id = 2`);
    file.run(`UPDATE goals SET parent_goal_id = NULL, status = 'completed', progress_percentage = 80,
      updated_at = '2025-07-01 00:00:00.000000' WHERE id = 1`);
    await importFile();
    const { g1, g2 } = await byTitle('/goals');
    expect(g2!.parent_goal_id).toBe(g1!.id);
    expect(g1).toMatchObject({
      parent_goal_id: null,
      status: 'completed',
      completed_at: '2025-07-01T00:00:00.000Z',
      progress: 80,
      progress_mode: 'manual',
    });
  });
});

describe('nothing is imported', () => {
  it('if PostgreSQL stores a row in another form than the source has it', async () => {
    file.add('goals', { title: 'g1' });
    for (const id of [1, 2, 3]) file.add('tasks', { id, title: `t${id}` });
    file.add('tasks', { id: 4, title: 't4', dependencies: '[1]' });
    const damage = async (table: string, body: string) =>
      app.database.query(`
        CREATE FUNCTION damage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
        CREATE TRIGGER a_damage BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION damage()`);
    const cases: [table: string, body: string, message: RegExp][] = [
      ['tasks', `IF NEW.title = 't2' THEN NEW.title := 'T2'; END IF;`, /tasks 2, title: "t2" became "T2"/],
      [
        'tasks',
        `IF NEW.title = 't2' THEN NEW.created_at := NEW.created_at + interval '1 ms'; END IF;`,
        /tasks 2, created_at: "2025-01-01T00:00:00.000Z" became "2025-01-01T00:00:00.001Z"/,
      ],
      ['tasks', `IF NEW.title = 't3' THEN RETURN NULL; END IF;`, /tasks 3 is missing in Cairn/],
      ['goals', `NEW.metrics := '{"x": 1}';`, /goals 1, metrics: null became \{"x":1\}/],
      ['task_dependencies', `RETURN NULL;`, /tasks 4, depends_on: \["[0-9a-f-]{36}"\] became \[\]/],
    ];
    for (const [table, body, message] of cases) {
      await damage(table, body);
      try {
        expect(await refusedImport()).toMatch(message);
      } finally {
        await app.database.query('DROP FUNCTION damage() CASCADE');
      }
    }
    await importFile();
  });

  it('if text does not fit: every such row is listed, and nothing is cut', async () => {
    file.add('goals', { id: 1, title: 'x'.repeat(501) });
    file.add('tasks', { id: 1, title: 'fits', notes: 'n'.repeat(20_001), repository_path: 'p'.repeat(501) });
    file.add('tasks', { id: 2, title: '🪨'.repeat(500), description: 'd'.repeat(20_000) });
    file.add('tasks', { id: 3, title: 'tags', tags: JSON.stringify(['t'.repeat(51)]) });
    file.add('tasks', {
      id: 4,
      title: 'tags',
      tags: JSON.stringify(Array.from({ length: 21 }, (_, n) => `t${n}`)),
    });
    const output = await refusedImport();
    const lines = [
      '- goals 1: title has 501 characters; Cairn stores at most 500',
      '- tasks 1: notes has 20001 characters; Cairn stores at most 20000',
      '- tasks 1: repository_path has 501 characters; Cairn stores at most 500',
      `- tasks 3: tags has the tag "${'t'.repeat(51)}"; Cairn stores tags of at most 50 characters`,
      '- tasks 4: tags has 21 tags; Cairn stores at most 20 for a task',
    ];
    for (const text of [output, report()]) {
      expect(text.split('\n').filter((line) => line.includes('Cairn stores'))).toEqual(lines);
    }
  });

  it('if a quota would be exceeded', async () => {
    for (const id of [1, 2, 3]) {
      file.add('goals', { id, title: `g${id}` });
      const dependencies = JSON.stringify([1, 2].filter((other) => other < id));
      file.add('tasks', { id, title: `t${id}`, parent_goal_id: 1, tags: `["a${id}"]`, dependencies });
    }
    for (const [variable, message] of [
      ['QUOTA_TASKS', 'The account would have 3 tasks, and QUOTA_TASKS allows 1.'],
      ['QUOTA_GOALS', 'The account would have 3 goals, and QUOTA_GOALS allows 1.'],
      ['QUOTA_TAGS', 'The account would have 3 tags, and QUOTA_TAGS allows 1.'],
      ['QUOTA_DEPENDENCIES', 'The account would have 3 task dependencies, and QUOTA_DEPENDENCIES allows 1.'],
      [
        'QUOTA_TASK_DEPENDENCIES',
        'The task 3 would have 2 dependencies, and QUOTA_TASK_DEPENDENCIES allows 1.',
      ],
      ['QUOTA_GOAL_TASKS', 'The goal 1 would have 3 tasks, and QUOTA_GOAL_TASKS allows 1.'],
    ] as const) {
      expect(await refusedImport(file, [], { [variable]: '1' })).toContain(message);
    }
  });

  it('if the process is killed in the middle; then the import can be repeated', async () => {
    for (let id = 1; id <= 3; id++) file.add('tasks', { id, title: `t${id}`, parent_goal_id: 1 });
    file.add('goals', { id: 1, title: 'g1' });
    const before = await dump();
    const unblock = await blockWrites(app, 'INSERT ON tasks');
    const command = runNode(['src/cli.ts', ...argumentsFor(file, [])], environment());
    await waitForLockWaits(app, 1, command.ended);
    command.process.kill('SIGKILL');
    expect(await command.ended).toBe('SIGKILL');
    await unblock(); // waits until PostgreSQL has rolled back
    expect(await dump()).toEqual(before);
    await importFile();
    expect(Object.keys(await byTitle('/tasks')).sort()).toEqual(['t1', 't2', 't3']);
    expect(report()).toContain('| tasks | 3 | 3 | 0 | 0 | 0 | 0 |');
  });

  it.each<[string, (source: LegacyFile) => string | void, RegExp]>([
    ['that does not exist', ({ path }) => `${path}.missing`, /There is no file .*\.missing/],
    ['that is a directory', (source) => source.beside('.'), /There is no file/],
    ['that is empty', ({ path }) => truncateSync(path, 0), /is not an SQLite database/],
    ['that is no SQLite', ({ path }) => writeFileSync(path, 'x'.repeat(9999)), /is not an SQLite database/],
    ['that is truncated', ({ path }) => truncateSync(path, 8192), /is truncated: it has 8192 of 12288 bytes/],
    [
      'that is damaged',
      ({ path }) => {
        const bytes = readFileSync(path);
        writeFileSync(path, bytes.fill(0x7f, 8192, 12_000));
      },
      /is damaged/,
    ],
    [
      'with other tables',
      (source) => source.run('DROP TABLE tasks'),
      /has no table "tasks".* Its tables: goals\./,
    ],
    [
      'without a column',
      (source) => source.run('ALTER TABLE tasks DROP COLUMN title'),
      /"tasks" of the file lacks the columns title/,
    ],
    ['with a newer schema', (source) => source.run('PRAGMA user_version = 3'), /its user_version is 3/],
    [
      'with an unknown column',
      (source) => source.run('ALTER TABLE tasks ADD COLUMN deleted INTEGER DEFAULT 1'),
      /the column "deleted" of the table "tasks" is unknown and has values in 1 rows/,
    ],
    ['that is locked', ({ path }) => mkdirSync(`${path}.lock`), /is locked by .*tasks\.db\.lock/],
  ])('from a file %s', async (_name, spoil, message) => {
    file.add('tasks', { title: 'x'.repeat(400), description: 'a task' });
    const other = spoil(file);
    expect(await refusedImport(other ?? file)).toMatch(message);
  });

  it('with an unknown time zone, time, owner or option', async () => {
    expect(await refusedImport(file, ['--timezone', 'PST'])).toContain('The time zone PST is unknown.');
    expect(await refusedImport(file, ['--created-at-utc-before', 'x'])).toContain('Use a timestamp such as');
    expect(await refusedImport(file, ['--owner', 'nobody'])).toContain('nobody is not an email address.');
    const [status, output] = await runCli(['import-sqlite', '--file', file.path], environment());
    expect([status, output]).toEqual([1, expect.stringContaining("required option '--owner <email>'")]);
  });

  it('into an account that is not active', async () => {
    await user.api.post('/users/me/deactivate', { password }).expect(204);
    expect(await refusedImport()).toContain(`The account ${user.email} is not active.`);
  });

  it('if the report cannot be written', async () => {
    file.add('tasks', { title: 'a' });
    const options = ['--report', '/nonexistent/report.md'];
    expect(await refusedImport(file, options)).toContain('The report cannot be written');
    expect(existsSync(file.beside('report.md'))).toBe(false);
  });
});

it('an unknown column without values is no obstacle', async () => {
  file.add('tasks', { title: 'a' });
  file.run('ALTER TABLE tasks ADD COLUMN later TEXT');
  await importFile();
});

it('imports of one account do not touch another', async () => {
  const other = await newUser(app);
  file.add('tasks', { id: 1, title: 'a' });
  await importFile();
  await importFile('--owner', other.email);
  expect(report()).toContain('| tasks | 1 | 1 | 0 | 0 | 0 | 0 |');
  expect([await countRows(app, 'tasks', user.id), await countRows(app, 'tasks', other.id)]).toEqual([1, 1]);
});
