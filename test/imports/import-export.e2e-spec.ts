import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { newDatabase, startApp, TestApp } from '../setup/app';
import { snapshotOf } from '../setup/catalogue';
import { runCli } from '../setup/cli';
import { Json, newGoal, newTask, newUser, password, signIn, TestUser } from '../setup/factories';
import { blockWrites, waitForLockWaits } from '../setup/locks';
import { waitForMails } from '../setup/mailbox';
import { startInProduction } from '../setup/production-app';
import { run } from '../setup/processes';
import { asRole, onDatabase } from '../setup/server';

let app: TestApp;
let folder: string;
beforeAll(async () => {
  app = await startApp({
    IMPORT_MAX_MB: '40',
    QUOTA_GOAL_DEPTH: '3',
    QUOTA_GOAL_TASKS: '9000',
    QUOTA_SUBTASKS: '3',
  });
  folder = mkdtempSync(join(tmpdir(), 'cairn-export-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await app.close();
});

type Document = Record<string, unknown>;

interface Import {
  status: string;
  counts: { created: Record<string, number>; existing: Record<string, number> };
  error: { code: string; detail: string; errors?: { field: string; code: string }[] };
}

const members = ['goals', 'tags', 'tasks', 'time_entries', 'dependencies', 'history'];
const none = Object.fromEntries(members.map((member) => [member, 0]));

/** What an import must bring back: everything but the account, and the numbers and marks of the history. */
async function exportOf(user: TestUser): Promise<Document> {
  const { body } = await user.api.get('/users/me/export').expect(200);
  const document = body as Document;
  for (const member of ['exported_at', 'user', 'sessions', 'tokens']) delete document[member];
  for (const change of document.history as Json[]) {
    delete change.is_imported;
    delete (change as Partial<Json>).id;
  }
  return document;
}

/** Imports a document and waits for the end. */
async function importInto(user: TestUser, document: object | string, query = ''): Promise<Import> {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const response = await user.api.post(`/users/me/import${query}`).type('json').send(text).expect(202);
  expect(response.body).toMatchObject({ counts: null, error: null, finished_at: null });
  await app.waitForImports();
  const { body } = await user.api.get('/users/me/import').expect(200);
  return body as Import;
}

/** Fills an account as the application would, with its triggers. */
async function fill({ id }: TestUser, taskCount: number): Promise<void> {
  await app.database.query(`
    INSERT INTO tags (user_id, name, color) SELECT '${id}', 'Tag ' || n, CASE WHEN n % 2 = 0 THEN '#00aa00' END
      FROM generate_series(1, 20) n;
    INSERT INTO goals (user_id, id, title, description, horizon, metrics, target_date)
      SELECT '${id}', md5('goal ${id} ' || n)::uuid, 'Goal ' || n, repeat('石 "\\ 🪨', n % 50), 'weekly', '{"a": {"b": [1.5, null]}}',
        timestamptz '2026-03-29 01:30Z' + n * interval '1 hour' FROM generate_series(1, ${taskCount} / 50) n;
    UPDATE goals SET parent_goal_id = md5('goal ${id} ' || substr(title, 6)::int - 1)::uuid
      WHERE user_id = '${id}' AND substr(title, 6)::int % 10 = 0;
    INSERT INTO tasks (user_id, id, goal_id, title, notes, status, priority, due_date, estimated_hours, tags)
      SELECT '${id}', md5('task ${id} ' || n)::uuid, CASE WHEN n % 3 > 0 THEN md5('goal ${id} ' || 1 + n % (${taskCount} / 50))::uuid END,
        'Task ' || n, CASE WHEN n % 5 = 0 THEN repeat('note ', n % 100) END, 'pending', 1 + n % 5,
        CASE WHEN n % 4 > 0 THEN timestamptz '2026-10-25 00:30:00.123Z' + n * interval '1 minute' END, n % 7 + 0.25,
        CASE WHEN n % 2 = 0 THEN ARRAY['Tag ' || 1 + n % 20] ELSE '{}' END
      FROM generate_series(1, ${taskCount}) n;
    INSERT INTO task_tags SELECT t.user_id, t.id, g.id FROM tasks t JOIN tags g ON g.user_id = t.user_id AND g.name = ANY (t.tags)
      WHERE t.user_id = '${id}';
    UPDATE tasks SET parent_task_id = md5('task ${id} ' || substr(title, 6)::int + 1)::uuid
      WHERE user_id = '${id}' AND substr(title, 6)::int % 10 = 0 AND substr(title, 6)::int < ${taskCount};
    INSERT INTO task_dependencies SELECT user_id, id, md5('task ${id} ' || substr(title, 6)::int - 1)::uuid FROM tasks
      WHERE user_id = '${id}' AND substr(title, 6)::int % 8 = 0;
    INSERT INTO time_entries (user_id, task_id, started_at, ended_at, note) SELECT user_id, id, created_at - interval '2 hours',
      created_at - interval '71 minutes', title FROM tasks WHERE user_id = '${id}' AND substr(title, 6)::int % 25 = 1;
    UPDATE tasks SET status = 'completed', completed_at = '2026-01-02T03:04:05.678Z' WHERE user_id = '${id}'
      AND substr(title, 6)::int % 8 IN (3, 7);
    UPDATE tasks SET deleted_at = '2026-11-20T03:04:05.678Z' WHERE user_id = '${id}' AND substr(title, 6)::int % 10 IN (0, 4);
    DELETE FROM tasks WHERE user_id = '${id}' AND substr(title, 6)::int % 100 = 4;`);
}

describe('the export of an account with 10,000 tasks and their history', () => {
  let source: TestUser;
  let target: TestUser;
  let original: Document;
  beforeAll(async () => {
    [source, target] = [await newUser(app), await newUser(app)];
    await fill(source, 10_000);
    // Autovacuum would do it within a minute.
    await app.database.query('ANALYZE');
    original = await exportOf(source);
  });

  it('is the same after an import into another account', async () => {
    expect((original.tasks as Json[]).length).toBe(9900);
    expect((original.history as Json[]).length).toBeGreaterThan(15_000);
    const { status, counts, error } = await importInto(target, original);
    expect([status, error]).toEqual(['completed', null]);
    const created = Object.fromEntries(
      members.map((member) => [member, (original[member] as Json[]).length]),
    );
    expect(counts).toEqual({ created, existing: none });
    const copy = await exportOf(target);
    for (const member of Object.keys(original))
      expect([member, copy[member]]).toEqual([member, original[member]]);
  });

  it('marks the imported history, and continues it', async () => {
    const task = (original.tasks as Json[]).find(({ title }) => title === 'Task 3')!;
    const history = async () => {
      const { body } = await target.api.get(`/tasks/${task.id}/history`).expect(200);
      return (body as { items: Json[] }).items.map(({ operation, is_imported }) => [operation, is_imported]);
    };
    expect(await history()).toEqual([
      ['update', true],
      ['create', true],
    ]);
    const { body } = await target.api.post(`/tasks/${task.id}/undo`).expect(200);
    expect(body).toMatchObject({ status: 'pending', version: (task.version as number) + 1 });
    expect((await history())[0]).toEqual(['update', false]);
  });
});

describe('an export', () => {
  let original: Document;
  beforeAll(async () => {
    const source = await newUser(app);
    await fill(source, 300);
    original = await exportOf(source);
    const { counts } = await importInto(source, original);
    expect(counts.created).toEqual(none);
    expect(await exportOf(source)).toEqual(original);
  });

  it('changes nothing when it is imported again', async () => {
    const user = await newUser(app);
    expect((await importInto(user, original)).counts.existing).toEqual(none);
    expect((await importInto(user, original)).counts.created).toEqual(none);
    expect(await exportOf(user)).toEqual(original);
  });

  it('is imported by another instance after the process was killed', async () => {
    const databaseUrl = await newDatabase();
    const killed = await startInProduction(databaseUrl, '', {});
    const call = async (method: string, path: string, body?: object, token = '') => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const response = await fetch(`${killed.url}/api/v1${path}`, {
        method,
        headers,
        body: JSON.stringify(body),
      });
      return (await response.json()) as Json & {
        access_token: string;
        status: string;
        progress: { step: string } | null;
      };
    };
    const { id } = await call('POST', '/auth/register', { email: 'moving@example.com', password });
    const { access_token: token } = await call('POST', '/auth/login', {
      email: 'moving@example.com',
      password,
    });
    const database = new Pool({ connectionString: databaseUrl });
    const unblock = await blockWrites({ database }, 'INSERT ON time_entries');
    await call('POST', '/users/me/import', original, token);
    await waitForLockWaits({ database }, 1);
    let state = await call('GET', '/users/me/import', undefined, token);
    // Progress is stored once a second.
    while (state.progress?.step !== 'Writing tasks')
      state = await call('GET', '/users/me/import', undefined, token);
    expect(state.status).toBe('running');
    killed.process.kill('SIGKILL');
    await killed.ended;
    await unblock();
    const sessions = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = 'cairn_login'`;
    while ((await database.query(sessions)).rowCount);
    expect((await database.query('SELECT FROM goals')).rows).toEqual([]);
    // Another instance takes over after a minute without a sign of life.
    await database.query(
      `UPDATE imports SET active_at = now() - interval '61 seconds' WHERE status = 'running'`,
    );
    const second = await startApp({ DATABASE_URL: databaseUrl });
    const user = await signIn(second, 'moving@example.com');
    expect((await user.api.get('/users/me/import').expect(200)).body).toMatchObject({
      status: 'completed',
      error: null,
    });
    expect(await exportOf(user)).toEqual(original);
    const { rows } = await database.query(
      'SELECT attempts, (SELECT count(*)::int FROM import_parts) AS parts FROM imports',
    );
    expect([user.id, rows]).toEqual([id, [{ attempts: 2, parts: 0 }]]);
    await database.end();
    await second.close();
  });
});

describe('an import', () => {
  const uuid = (n: number) => `01890a5d-ac96-774b-bcce-${String(n).padStart(12, '0')}`;

  it('creates rows of a document that another program has written, with defaults and a history', async () => {
    const user = await newUser(app);
    const document = {
      goals: [{ id: uuid(1).toUpperCase(), title: ' A goal ' }],
      tasks: [
        { id: uuid(3), title: 'A subtask', parent_task_id: uuid(2), status: 'Done', tags: ['B', 'b', 'c'] },
        {
          id: uuid(2),
          title: 'A task',
          goal_id: uuid(1),
          created_at: '2024-02-29T12:00:00+02:00',
          priority: 'urgent',
        },
      ],
      tags: [{ id: uuid(4), name: 'C', color: '#00aa00' }],
      dependencies: [{ task_id: uuid(2), depends_on_id: uuid(3) }],
    };
    expect(await importInto(user, document)).toMatchObject({ status: 'completed' });
    const { goals, tasks, tags, dependencies, history } = await exportOf(user);
    expect(goals).toMatchObject([
      { id: uuid(1), title: ' A goal ', status: 'active', progress: 0, version: 2 },
    ]);
    expect(tasks).toMatchObject([
      {
        id: uuid(2),
        status: 'pending',
        priority: 1,
        created_at: '2024-02-29T10:00:00.000Z',
        version: 1,
        tags: [],
      },
      { id: uuid(3), status: 'completed', priority: 3, tags: ['B', 'C'], parent_task_id: uuid(2) },
    ]);
    expect(tags).toMatchObject([
      { id: uuid(4), name: 'C', color: '#00aa00', task_count: 1 },
      { name: 'B', color: null, task_count: 1 },
    ]);
    expect(dependencies).toEqual(document.dependencies);
    const changes = (history as Json[]).map(({ entity_id, operation }) => [entity_id, operation]);
    expect(changes).toEqual([
      [uuid(1), 'create'],
      [uuid(2), 'create'],
      [uuid(3), 'create'],
    ]);
  });

  it('adds to a filled account, and computes what depends on both', async () => {
    const user = await newUser(app);
    const goal = await newGoal(user);
    const task = await newTask(user, { goal_id: goal.id, tags: ['Home'] });
    await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }).expect(201);
    const document = {
      goals: [{ id: goal.id, title: 'Another title' }],
      tasks: [
        { id: uuid(5), title: 'A completed task', goal_id: goal.id, status: 'completed', tags: ['HOME'] },
      ],
      time_entries: [
        {
          id: uuid(6),
          task_id: task.id,
          started_at: '2026-01-01T00:00:00Z',
          ended_at: '2026-01-01T00:30:00Z',
        },
        { id: uuid(7), task_id: uuid(5), started_at: '2026-01-01T00:00:00Z' },
      ],
      dependencies: [{ task_id: task.id, depends_on_id: uuid(5) }],
    };
    const { counts } = await importInto(user, document);
    expect(counts).toEqual({
      created: { ...none, tasks: 1, time_entries: 2, dependencies: 1 },
      existing: { ...none, goals: 1 },
    });
    expect((await user.api.get(`/goals/${goal.id}`)).body).toMatchObject({ title: 'A goal', progress: 50 });
    expect((await user.api.get(`/tasks/${task.id}`)).body).toMatchObject({
      actual_hours: 1.5,
      is_blocked: false,
    });
    expect((await user.api.get(`/tasks/${uuid(5)}`)).body).toMatchObject({
      tags: ['Home'],
      actual_hours: null,
    });
  });

  it('with validate_only leaves everything as it is', async () => {
    const user = await newUser(app);
    const withoutImports = async () => ({ ...(await snapshotOf(app, user)), imports: [] });
    await waitForMails(app);
    const before = await withoutImports();
    const { status, counts } = await importInto(
      user,
      { goals: [{ id: uuid(1), title: 'x' }] },
      '?validate_only=true',
    );
    expect([status, counts.created.goals]).toEqual(['completed', 1]);
    expect(await withoutImports()).toEqual(before);
  });

  const task = (fields: object) => ({ id: uuid(1), title: 'A task', ...fields });
  const change = (fields: object, values: object) => ({
    ...{
      entity: 'task',
      entity_id: uuid(1),
      version: 1,
      operation: 'create',
      changed_at: '2026-01-01T00:00:00Z',
    },
    ...fields,
    fields: values,
  });
  it.each<[string, string | object, string, string[]]>([
    ['no JSON', '{"tasks": [', 'malformed_body', []],
    ['another JSON value', '[]', 'malformed_body', []],
    ['two documents', '{} {}', 'malformed_body', []],
    ['a damaged item', '{"tasks": [{"id": nul}]}', 'malformed_body', []],
    ['an array twice', '{"tasks": [], "tasks": []}', 'validation_failed', ['tasks duplicate_key']],
    ['a key twice', '{"tasks": [{"id": 1, "id": 2}]}', 'validation_failed', ['tasks[0].id duplicate_key']],
    [
      'a prototype',
      '{"tasks": [{"__proto__": {}}]}',
      'validation_failed',
      ['tasks[0].__proto__ unknown_field'],
    ],
    ['deep nesting', `{"goals": [${'['.repeat(50)}`, 'malformed_body', []],
    [
      'deep metrics',
      `{"goals": [${'{"a":'.repeat(41)}1${'}'.repeat(41)}]}`,
      'validation_failed',
      ['goals[0] too_deep'],
    ],
    [
      'a large item',
      `{"tasks": [{"notes": "${'x'.repeat(1_100_000)}"}]}`,
      'validation_failed',
      ['tasks[0] too_long'],
    ],
    ['a large value', `{"user": "${'x'.repeat(1_100_000)}"}`, 'validation_failed', ['user too_long']],
    ['an unknown array', { stones: [] }, 'completed', []],
    ['unknown rows', { stones: [{ id: uuid(1) }] }, 'validation_failed', ['stones unknown_field']],
    ['no array', { tasks: {} }, 'validation_failed', ['tasks type']],
    [
      'no objects',
      { tasks: [1, null, []] },
      'validation_failed',
      ['tasks[0] type', 'tasks[1] type', 'tasks[2] type'],
    ],
    [
      'invalid fields',
      { tasks: [{ id: 'x', colour: 'red' }, task({ title: '', due_date: '2026-01-01', priority: 9 })] },
      'validation_failed',
      [
        'tasks[0].colour unknown_field',
        'tasks[0].id invalid_id',
        'tasks[0].title required',
        'tasks[1].priority not_allowed',
        'tasks[1].title blank',
      ],
    ],
    [
      'a plain date',
      { tasks: [task({ due_date: '2026-01-01' })] },
      'validation_failed',
      ['tasks[0].due_date invalid_date'],
    ],
    [
      'text that does not fit',
      { goals: [{ id: uuid(1), title: 'x'.repeat(501) }] },
      'validation_failed',
      ['goals[0].title too_long'],
    ],
    ['an id twice', { tasks: [task({}), task({})] }, 'validation_failed', ['tasks[1] duplicate']],
    [
      'a tag twice',
      {
        tags: [
          { id: uuid(1), name: 'a' },
          { id: uuid(2), name: 'A' },
        ],
      },
      'validation_failed',
      ['tags[1].name duplicate'],
    ],
    [
      'unknown references',
      {
        goals: [{ id: uuid(1), title: 'x', parent_goal_id: uuid(8) }],
        tasks: [task({ goal_id: uuid(9), parent_task_id: uuid(8) })],
        time_entries: [{ id: uuid(2), task_id: uuid(9), started_at: '2026-01-01T00:00:00Z' }],
        dependencies: [{ task_id: uuid(1), depends_on_id: uuid(9) }],
      },
      'validation_failed',
      [
        'dependencies[0].depends_on_id not_found',
        'goals[0].parent_goal_id not_found',
        'tasks[0].goal_id not_found',
        'tasks[0].parent_task_id not_found',
        'time_entries[0].task_id not_found',
      ],
    ],
    [
      'cycles',
      {
        goals: [
          { id: uuid(1), title: 'x', parent_goal_id: uuid(2) },
          { id: uuid(2), title: 'x', parent_goal_id: uuid(1) },
        ],
        tasks: [task({ parent_task_id: uuid(1) }), task({ id: uuid(2) })],
        dependencies: [
          { task_id: uuid(1), depends_on_id: uuid(2) },
          { task_id: uuid(2), depends_on_id: uuid(1) },
        ],
      },
      'validation_failed',
      ['dependencies[1] dependency_cycle', 'goals[1].parent_goal_id cycle', 'tasks[0].parent_task_id cycle'],
    ],
    [
      'goals that are nested too deeply',
      {
        goals: [1, 2, 3, 4].map((n) => ({
          id: uuid(n),
          title: 'x',
          parent_goal_id: n > 1 ? uuid(n - 1) : null,
        })),
      },
      'validation_failed',
      ['goals[3].parent_goal_id too_deep'],
    ],
    [
      'a subtask outside of the trash',
      {
        tasks: [task({ deleted_at: '2026-01-01T00:00:00Z' }), task({ id: uuid(2), parent_task_id: uuid(1) })],
      },
      'validation_failed',
      ['tasks[1].parent_task_id parent_trashed'],
    ],
    [
      'rows of a goal in the trash',
      {
        goals: [
          { id: uuid(1), title: 'x', deleted_at: '2026-01-01T00:00:00Z' },
          { id: uuid(2), title: 'x', parent_goal_id: uuid(1) },
        ],
        tasks: [task({ goal_id: uuid(1) })],
      },
      'validation_failed',
      ['goals[1].parent_goal_id goal_trashed', 'tasks[0].goal_id goal_trashed'],
    ],
    [
      'impossible times',
      {
        tasks: [task({})],
        time_entries: [
          {
            id: uuid(1),
            task_id: uuid(1),
            started_at: '2026-01-02T00:00:00Z',
            ended_at: '2026-01-01T00:00:00Z',
          },
          { id: uuid(2), task_id: uuid(1), started_at: '2026-01-02T00:00:00Z' },
          { id: uuid(3), task_id: uuid(1), started_at: '2026-01-02T00:00:00Z', ended_at: null },
        ],
      },
      'validation_failed',
      ['time_entries[0].ended_at out_of_range', 'time_entries[2].ended_at duplicate'],
    ],
    [
      'a history with invalid values',
      {
        tasks: [task({})],
        history: [
          change({ entity: 'stone' }, {}),
          change({}, { title: 'x' }),
          change({}, { colour: { old: null, new: 'red' } }),
          change({}, { due_date: { old: null, new: 'soon' } }),
          change({}, { status: { old: null, new: 'pending' } }),
        ],
      },
      'validation_failed',
      [
        'history[0].entity not_allowed',
        'history[1].fields.title type',
        'history[2].fields.colour unknown_field',
        'history[3].fields.due_date invalid_date',
      ],
    ],
    [
      'too many subtasks',
      { tasks: [task({}), ...[2, 3, 4, 5].map((n) => task({ id: uuid(n), parent_task_id: uuid(1) }))] },
      'quota_exceeded',
      [],
    ],
  ])('refuses %s, and writes nothing', async (_what, document, code, errors) => {
    const before = await snapshotOf(app, user);
    const { status, error } = await importInto(user, document);
    const found = (error?.errors ?? []).map(({ field, code: one }) => `${field} ${one}`).sort();
    expect([error?.code ?? status, found]).toEqual([code, errors]);
    expect({ ...(await snapshotOf(app, user)), imports: [] }).toEqual({ ...before, imports: [] });
  });
  let user: TestUser;
  beforeAll(async () => {
    user = await newUser(app);
    await waitForMails(app);
  });

  it('reaches no rows of other users', async () => {
    const other = await newUser(app);
    const [goal, foreign] = [await newGoal(other), await newTask(other)];
    await waitForMails(app);
    const before = await snapshotOf(app, other);
    const { error } = await importInto(user, {
      tasks: [task({ goal_id: goal.id, parent_task_id: foreign.id })],
    });
    expect(error.errors!.map(({ field, code }) => [field, code])).toEqual([
      ['tasks[0].goal_id', 'not_found'],
      ['tasks[0].parent_task_id', 'not_found'],
    ]);
    // The same id in two accounts names two tasks.
    expect((await importInto(user, { tasks: [task({ id: foreign.id })] })).counts.created.tasks).toBe(1);
    expect(await snapshotOf(app, other)).toEqual(before);
  });

  it('lists at most 100 errors', async () => {
    const { error } = await importInto(user, `{"tasks": [${'1,'.repeat(200_000)}1]}`);
    expect([error.detail, error.errors!.length]).toEqual([
      'The document is invalid in at least 100 places. Nothing was imported.',
      100,
    ]);
  });

  it('refuses documents that are too large, before it stores them', async () => {
    const upload = async (headers: string[], body: string): Promise<string> => {
      const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
      const lines = [
        'Host: cairn',
        `Authorization: Bearer ${user.access_token}`,
        'Content-Type: application/json',
        ...headers,
      ];
      socket.write(`POST /api/v1/users/me/import HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
      const [data] = (await once(socket, 'data')) as [Buffer];
      socket.destroy();
      return data.toString().slice(0, 12);
    };
    expect(await upload(['Content-Length: 41943041'], '{')).toBe('HTTP/1.1 413');
    const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`;
    expect(await upload(['Transfer-Encoding: chunked'], chunk.repeat(41))).toBe('HTTP/1.1 413');
    await user.api.post('/users/me/import').type('json').expect(422);
    await user.api.post('/users/me/import').type('text').send('{}').expect(415);
    const { rows } = await app.database.query('SELECT status FROM imports WHERE user_id = $1', [user.id]);
    expect(rows).toEqual([]);
  });

  it('refuses a second document until the first is imported, and forgets an upload that was broken off', async () => {
    const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
    const head = [
      'Host: cairn',
      `Authorization: Bearer ${user.access_token}`,
      'Content-Type: application/json',
      'Content-Length: 9',
    ];
    socket.write(`POST /api/v1/users/me/import HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n{`);
    const state = async () => (await user.api.get('/users/me/import')).body as { status: string };
    while ((await state()).status !== 'uploading');
    const { body } = await user.api.post('/users/me/import').type('json').send('{}').expect(409);
    expect(body).toMatchObject({ code: 'import_running' });
    socket.destroy();
    while ((await state()).status === 'uploading');
    expect((await importInto(user, {})).status).toBe('completed');
  });
});

describe('the SQL for tables of FastAPI services', () => {
  const template = readFileSync('docs/moving-in-tasks.sql', 'utf8');

  /** Runs the SQL on the tables. @returns the document of a user */
  async function documentOf(tablesSql: string, text: string): Promise<object> {
    const url = await newDatabase();
    await onDatabase(url, (client) => client.query(`CREATE SCHEMA old; SET search_path = old; ${tablesSql}`));
    const file = join(folder, 'tasks.sql');
    writeFileSync(file, `SET search_path = old;\n${text}`);
    const psql = run('psql', [
      url,
      '-qAt',
      '-v',
      'ON_ERROR_STOP=1',
      '-v',
      "email=o'neill@example.com",
      '-f',
      file,
    ]);
    expect([await psql.ended, psql.output()]).toEqual([0, expect.stringMatching(/^\{/)]);
    return JSON.parse(psql.output()) as object;
  }

  it('exports tasks with integer ids, `completed` and times without a time zone', async () => {
    const document = await documentOf(
      `CREATE TABLE users (id serial PRIMARY KEY, email text);
       CREATE TABLE tasks (id serial PRIMARY KEY, user_id integer, title varchar(200), description text, completed boolean,
         created_at timestamp, updated_at timestamp);
       INSERT INTO users (email) VALUES ('o''neill@example.com'), ('other@example.com');
       INSERT INTO tasks (user_id, title, description, completed, created_at, updated_at) VALUES
         (1, 'Buy "milk" \\ 石', E'two\nlines', false, '2025-03-30 02:30:00.1234', '2025-03-30 02:30:00.1234'),
         (1, ' Done ', NULL, true, '2025-10-26 02:30', '2025-11-01 10:00:00.9'),
         (2, 'Not theirs', NULL, false, '2025-01-01', '2025-01-01'),
         (1, 'Without times', NULL, NULL, NULL, NULL);`,
      template,
    );
    const user = await newUser(app);
    expect(await importInto(user, document)).toMatchObject({ counts: { created: { ...none, tasks: 3 } } });
    const { tasks } = await exportOf(user);
    const shown = (tasks as Json[]).map(
      ({ title, description, status, created_at, updated_at, completed_at }) => [
        title,
        description,
        status,
        created_at,
        updated_at,
        completed_at,
      ],
    );
    expect(shown).toEqual([
      ['Without times', null, 'pending', '1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.000Z', null],
      [
        'Buy "milk" \\ 石',
        'two\nlines',
        'pending',
        '2025-03-30T02:30:00.123Z',
        '2025-03-30T02:30:00.123Z',
        null,
      ],
      [
        ' Done ',
        null,
        'completed',
        '2025-10-26T02:30:00.000Z',
        '2025-11-01T10:00:00.900Z',
        '2025-11-01T10:00:00.900Z',
      ],
    ]);
    expect((await importInto(user, document)).counts).toEqual({
      created: none,
      existing: { ...none, tasks: 3 },
    });
  });

  it('exports tasks with UUIDs and a status', async () => {
    const statusSql = "CASE WHEN t.completed THEN 'completed' ELSE 'pending' END AS status, -- or: t.status";
    const text = template
      .replace(statusSql, 't.status,')
      .replace('NULL::timestamptz AS due_date', 't.due AS due_date');
    const document = await documentOf(
      `CREATE TABLE users (id uuid PRIMARY KEY, email text);
       CREATE TABLE tasks (id uuid PRIMARY KEY, user_id uuid, title text, description text, status text, due timestamptz,
         created_at timestamptz, updated_at timestamptz);
       INSERT INTO users VALUES ('b5a0ab2e-90b5-4c8a-9d2b-2c1f8e1a0001', 'o''neill@example.com');
       INSERT INTO tasks VALUES ('b5a0ab2e-90b5-4c8a-9d2b-2c1f8e1a0002', 'b5a0ab2e-90b5-4c8a-9d2b-2c1f8e1a0001', 'A task', '',
         'IN_PROGRESS', '2025-12-31 23:59:59+01', '2025-06-01 12:00+02', '2025-06-02 12:00+02');`,
      text,
    );
    const user = await newUser(app);
    await importInto(user, document);
    expect((await exportOf(user)).tasks).toMatchObject([
      {
        status: 'in_progress',
        description: '',
        due_date: '2025-12-31T22:59:59.000Z',
        created_at: '2025-06-01T10:00:00.000Z',
        updated_at: '2025-06-02T10:00:00.000Z',
      },
    ]);
  });
});

describe('the command import-export', () => {
  const importFile = async (
    document: object | string,
    ...options: string[]
  ): Promise<[number | string, string]> => {
    const file = join(folder, 'export.json');
    writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
    const environment = {
      DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
      JWT_SECRET_KEY: 'x'.repeat(32),
    };
    const [status, output] = await runCli(['import-export', '--file', file, ...options], environment);
    return [status, output.replaceAll(file, 'FILE')];
  };
  const document = { goals: [{ id: '01890a5d-ac96-774b-bcce-000000000001', title: 'A goal' }] };
  const counts = (goals: string) =>
    members
      .map(
        (member) =>
          `  ${member}: ${member === 'goals' ? goals : '0 created, 0'} existed and were left as they are\n`,
      )
      .join('');

  it('imports a file into an account, which it can create', async () => {
    const owner = ['--owner', 'new@example.com'];
    expect(await importFile(document, ...owner)).toEqual([
      1,
      'There is no account with the email address new@example.com. Check the address, or create the account with --create-owner.\n',
    ]);
    expect(await importFile(document, ...owner, '--create-owner', '--dry-run')).toEqual([
      0,
      `Dry run: everything was written and rolled back. The database is unchanged.\n${counts('1 created, 0')}`,
    ]);
    expect(await importFile(document, ...owner, '--create-owner')).toEqual([
      0,
      `Imported FILE into the account new@example.com. The account is new; a mail with a token to set its password is in the outbox.\n${counts('1 created, 0')}`,
    ]);
    expect(await importFile(document, ...owner)).toEqual([
      0,
      `Imported FILE into the account new@example.com.\n${counts('0 created, 1')}`,
    ]);
  });

  it('says what is wrong with a file', async () => {
    const owner = ['--owner', 'new@example.com'];
    expect(await importFile({ tasks: [{ id: 1 }] }, ...owner)).toEqual([
      1,
      'The document is invalid in 2 places. Nothing was imported.\n- tasks[0].id: must be a UUID\n- tasks[0].title: is required\n',
    ]);
    const [status, output] = await importFile({}, ...owner, '--file', '/nowhere');
    expect([status, output]).toEqual([
      1,
      "/nowhere cannot be read: ENOENT: no such file or directory, stat '/nowhere'.\n",
    ]);
  });
});
