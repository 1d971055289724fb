import { startApp, TestApp } from '../setup/app';
import { Json, newUser, TestUser } from '../setup/factories';

/*
 * Walks through all tasks of a user by cursor. Before each page, tasks are created, changed (also the field of the sort
 * order) and deleted, at the beginning, around the cursor and at the end of the list. Every task that stayed unchanged is
 * found exactly once.
 */
const [taskCount, pageSize, changesPerPage] = [2000, 100, 9];

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app);
});
afterAll(() => app.close());

/** Creates tasks of which many have the same values in each sort field. */
async function createTasks(): Promise<void> {
  await app.database.query(
    `INSERT INTO tasks (user_id, id, title, priority, due_date, created_at, updated_at)
     SELECT $1, gen_random_uuid(), 'Task ' || n % 40, 1 + n % 5,
       CASE WHEN n % 3 > 0 THEN timestamptz '2027-01-01Z' + n % 90 * interval '1 day' END,
       timestamptz '2026-01-01Z' + n % 700 * interval '1 hour', timestamptz '2026-02-01Z' + n % 700 * interval '1 hour'
     FROM generate_series(1, $2) n`,
    [user.id, taskCount],
  );
}

it.each([
  ['-created_at', {}],
  ['-due_date', { due_date: null }],
  ['title,-priority', { title: 'Task 20', priority: 3 }],
])('the walk in the order %s finds each unchanged task once', async (sort, changed) => {
  await app.database.query('DELETE FROM tasks WHERE user_id = $1', [user.id]);
  await createTasks();
  const { rows } = await app.database.query<{ id: string }>(
    'SELECT id FROM tasks WHERE user_id = $1 ORDER BY id',
    [user.id],
  );
  const unchanged = new Set(rows.map(({ id }) => id));
  const found = new Map<string, number>();
  let page: { items: Json[]; next_cursor: string | null } = { items: [], next_cursor: null };
  let pageCount = 0;
  do {
    // Tasks of the last page, and others that may be anywhere in the list.
    const others = rows.slice((pageCount * 97) % taskCount).slice(0, changesPerPage);
    const [updated = [], trashed = [], deleted = []] = [0, 1, 2].map((kind) =>
      [...page.items.slice(-6), ...others].map(({ id }) => id).filter((_id, index) => index % 3 === kind),
    );
    for (const id of [...updated, ...trashed, ...deleted]) unchanged.delete(id);
    const operations = [
      ...updated.map((id) => ({ op: 'update', id, data: { ...changed, notes: `Page ${pageCount}` } })),
      ...trashed.map((id) => ({ op: 'delete', id })),
      ...[0, 1, 2].map((n) => ({ op: 'create', data: { title: `Task ${n * 20}`, ...changed } })),
    ];
    await user.api.post('/tasks/batch', { mode: 'partial', operations }).expect(207);
    for (const id of deleted) await user.api.delete(`/tasks/${id}?permanent=true`);
    const cursor = page.next_cursor ? `&cursor=${page.next_cursor}` : '';
    page = (await user.api.get(`/tasks?sort=${sort}&limit=${pageSize}${cursor}`).expect(200))
      .body as typeof page;
    for (const { id } of page.items) found.set(id, (found.get(id) ?? 0) + 1);
    pageCount++;
  } while (page.next_cursor);
  expect(pageCount).toBeGreaterThan(10);
  expect(unchanged.size).toBeGreaterThan(taskCount / 2);
  expect([...unchanged].filter((id) => found.get(id) !== 1)).toEqual([]);
});
