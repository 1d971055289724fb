import { startApp, TestApp } from '../setup/app';
import { ids, newGoal, newTask, newUser, password, signIn, TestUser } from '../setup/factories';
import { runCommand } from '../setup/cli';
import { asRole } from '../setup/server';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

async function purge(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const [status, output] = await runPurge(args, environment);
  expect([status, output]).toEqual([0, output]);
  return output;
}

/** @returns the exit status and the output */
async function runPurge(
  args: string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<[number | string, string]> {
  return runCommand(['purge', ...args], {
    DATABASE_URL: asRole(app.databaseUrl, 'cairn_login'),
    JWT_SECRET_KEY: 'x'.repeat(32),
    ...environment,
  });
}

/** Closes accounts. The time of their deletion was an hour ago. */
async function closeAccounts(...users: TestUser[]): Promise<void> {
  for (const { api } of users) await api.delete('/users/me', { password }).expect(204);
  // Closing an account starts a purge, which must not find these.
  await app.waitForPurge();
  await app.database.query(`UPDATE users SET deletion_at = now() - interval '1 hour' WHERE id = ANY($1)`, [
    users.map(({ id }) => id),
  ]);
}

/** Moves a task into the trash so many days ago, less an hour. */
const setTrashedAgo = (id: string, days: number) =>
  app.database.query(
    `UPDATE tasks SET deleted_at = now() - $2 * interval '1 day' + interval '1 hour' WHERE id = $1`,
    [id, days],
  );
/** Deactivates a user so many days and a minute ago. */
const setDeactivatedAgo = (id: string, days: number) =>
  app.database.query(
    `UPDATE users SET is_active = false, deactivated_at = now() - $2 * interval '1 day' - interval '1 minute' WHERE id = $1`,
    [id, days],
  );

async function countRows(id: string): Promise<number> {
  const { rows } = await app.database.query<{ count: number }>(
    `SELECT ((SELECT count(*) FROM users WHERE id = $1) + (SELECT count(*) FROM tasks WHERE user_id = $1)
      + (SELECT count(*) FROM sessions WHERE user_id = $1) + (SELECT count(*) FROM goals WHERE user_id = $1))::int AS count`,
    [id],
  );
  return rows[0]!.count;
}

describe('the purge', () => {
  it('deletes tasks after seven days in the trash, and only counts them with --dry-run', async () => {
    const [live, fresh, old, subtask] = [
      await newTask(user),
      await newTask(user),
      await newTask(user),
      await newTask(user),
    ];
    await user.api.patch(`/tasks/${subtask.id}`, { parent_task_id: old.id }).expect(200);
    for (const { id } of [fresh, old]) await user.api.delete(`/tasks/${id}`).expect(204);
    await setTrashedAgo(fresh.id, 7);
    await app.database.query(
      `UPDATE tasks SET deleted_at = now() - interval '7 days 1 minute' WHERE id = ANY($1)`,
      [[old.id, subtask.id]],
    );
    expect(await purge(['--dry-run'])).toBe(
      'Would delete 2 tasks and 0 goals from the trash, 0 accounts, 0 expired or revoked sessions, 0 idempotency keys\n',
    );
    expect(await ids(user, '/tasks?trashed=true')).toHaveLength(3);
    expect(await purge([])).toBe(
      'Deleted 2 tasks and 0 goals from the trash, 0 accounts, 0 expired or revoked sessions, 0 idempotency keys\n',
    );
    expect(await ids(user, '/tasks?trashed=true')).toEqual([fresh.id]);
    expect(await ids(user, '/tasks')).toEqual([live.id]);
    const history = `SELECT operation, fields FROM changes WHERE entity_id = ANY ($1)`;
    expect((await app.database.query(history, [[old.id, subtask.id]])).rows).toEqual([
      { operation: 'delete', fields: {} },
      { operation: 'delete', fields: {} },
    ]);
    expect(await purge([], { TRASH_DAYS: '6' })).toMatch(/^Deleted 1 tasks/);
    expect(await ids(user, '/tasks?trashed=true')).toEqual([]);
  });

  it('deletes goals after seven days in the trash, but not their subgoals and tasks', async () => {
    const [goal, fresh] = [await newGoal(user), await newGoal(user)];
    const subgoal = await newGoal(user, { parent_goal_id: goal.id });
    const task = await newTask(user, { goal_id: goal.id });
    for (const { id } of [goal, fresh]) await user.api.delete(`/goals/${id}`).expect(204);
    await app.database.query(
      `UPDATE goals SET deleted_at = now() - interval '7 days 1 minute' WHERE id = $1`,
      [goal.id],
    );
    expect(await purge(['--dry-run'])).toContain(' 0 tasks and 1 goals from the trash,');
    expect(await purge([])).toContain(' 0 tasks and 1 goals from the trash,');
    expect(await ids(user, '/goals?trashed=true')).toEqual([fresh.id]);
    expect(await ids(user, '/goals')).toEqual([subgoal.id]);
    expect(await ids(user, '/tasks')).toEqual([task.id]);
    const history = 'SELECT operation FROM changes WHERE entity_id = $1';
    expect((await app.database.query(history, [goal.id])).rows).toEqual([{ operation: 'delete' }]);
  });

  it('deletes users 30 days after deactivation with everything they own', async () => {
    const [gone, late, back] = [await newUser(app), await newUser(app), await newUser(app)];
    for (const one of [gone, late, back]) await newTask(one, { goal_id: (await newGoal(one)).id });
    await setDeactivatedAgo(gone.id, 30);
    await setDeactivatedAgo(late.id, 29);
    await setDeactivatedAgo(back.id, 99);
    await app.database.query('UPDATE users SET is_active = true WHERE id = $1', [back.id]);
    expect(await purge([])).toBe(
      'Deleted 0 tasks and 0 goals from the trash, 1 accounts, 0 expired or revoked sessions, 0 idempotency keys\n',
    );
    expect(await countRows(gone.id)).toBe(0);
    expect(await countRows(late.id)).toBe(4);
    expect(await ids(await signIn(app, back.email), '/tasks')).toHaveLength(1);
    expect(await purge(['--dry-run'], { DEACTIVATED_USER_DAYS: '29' })).toContain('1 accounts');
    await app.database.query('DELETE FROM users WHERE id = $1', [late.id]);
  });

  it('deletes closed accounts when their time has come, and keeps accounts that their users deactivated', async () => {
    const [closed, due, deactivated] = [await newUser(app), await newUser(app), await newUser(app)];
    for (const one of [closed, due, deactivated]) await newTask(one);
    await deactivated.api.post('/users/me/deactivate', { password }).expect(204);
    await closed.api.delete('/users/me', { password }).expect(204);
    await closeAccounts(due);
    await app.database.query(
      `UPDATE users SET deactivated_at = now() - interval '9 years' WHERE id = ANY($1)`,
      [[closed.id, deactivated.id]],
    );
    expect(await purge(['--dry-run'])).toContain(' 1 accounts,');
    expect(await purge([])).toContain(' 1 accounts,');
    expect(await countRows(due.id)).toBe(0);
    expect(await countRows(closed.id)).toBe(3);
    expect(await ids(await signIn(app, deactivated.email), '/tasks')).toHaveLength(1);
  });

  it('deletes accounts with more rows than one batch holds, also where parents are newer than their children', async () => {
    const owner = await newUser(app);
    // Parents sort before their children, after them, and in between.
    await app.database.query(
      `WITH rows AS (SELECT i, gen_random_uuid() AS id FROM generate_series(1, 2345) i)
       INSERT INTO tasks (user_id, id, title, parent_task_id)
       SELECT $1, r.id, 'Task', p.id FROM rows r LEFT JOIN rows p ON p.i = r.i % 1000 AND p.i <> r.i ORDER BY r.i`,
      [owner.id],
    );
    await app.database.query(
      `WITH rows AS (SELECT i, gen_random_uuid() AS id FROM generate_series(1, 1234) i)
       INSERT INTO goals (user_id, id, title, parent_goal_id)
       SELECT $1, r.id, 'Goal', p.id FROM rows r LEFT JOIN rows p ON p.i = 1 AND r.i > 1`,
      [owner.id],
    );
    await closeAccounts(owner);
    expect(await purge([])).toContain(' 1 accounts,');
    expect(await countRows(owner.id)).toBe(0);
  });

  it('reports an account that cannot be deleted, deletes the others, and continues with it the next time', async () => {
    const [first, second, third] = [await newUser(app), await newUser(app), await newUser(app)];
    for (const one of [first, second, third]) await newTask(one);
    await closeAccounts(first, second, third);
    await user.api.delete(`/tasks/${(await newTask(user)).id}`).expect(204);
    await app.database.query(`UPDATE tasks SET deleted_at = now() - interval '8 days' WHERE user_id = $1`, [
      user.id,
    ]);
    await app.database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'it is stuck'; END $$;
      CREATE TRIGGER refuse BEFORE DELETE ON tasks FOR EACH ROW WHEN (OLD.user_id = '${second.id}') EXECUTE FUNCTION refuse()`);
    try {
      expect(await runPurge([])).toEqual([
        1,
        `Deleted 1 tasks and 0 goals from the trash, 2 accounts, 0 expired or revoked sessions, 0 idempotency keys
  Could not delete:
  account ${second.id}: error: it is stuck\n`,
      ]);
    } finally {
      await app.database.query('DROP FUNCTION refuse() CASCADE');
    }
    for (const { id } of [first, third]) expect(await countRows(id)).toBe(0);
    expect(await countRows(second.id)).toBeGreaterThan(0);
    expect(await purge([])).toContain(' 1 accounts,');
    expect(await countRows(second.id)).toBe(0);
  });

  it('deletes sessions 90 days after their end, and idempotency keys after 24 hours', async () => {
    const other = await signIn(app, user.email);
    await other.api.post('/auth/logout').expect(204);
    await app.database.query(
      `UPDATE sessions SET revoked_at = now() - interval '91 days' WHERE user_id = $1 AND revoked_at IS NOT NULL`,
      [user.id],
    );
    for (const key of ['old', 'new'])
      await user.api.post('/tasks', { title: key }).set('idempotency-key', key).expect(201);
    await app.database.query(
      `UPDATE idempotency_keys SET stored_at = now() - interval '24 hours' WHERE body LIKE '%"old"%'`,
    );
    expect(await purge([])).toBe(
      'Deleted 0 tasks and 0 goals from the trash, 0 accounts, 1 expired or revoked sessions, 1 idempotency keys\n',
    );
    await user.api.get('/tasks').expect(200);
    const replay = await user.api.post('/tasks', { title: 'new' }).set('idempotency-key', 'new');
    expect(replay.headers).toMatchObject({ 'idempotency-replayed': 'true' });
  });

  it('deletes more rows than one batch holds', async () => {
    await app.database.query(
      `INSERT INTO tasks (user_id, id, title, deleted_at)
     SELECT $1, gen_random_uuid(), 'Task', now() - interval '8 days' FROM generate_series(1, 1234)`,
      [user.id],
    );
    expect(await purge([])).toMatch(/^Deleted 1234 tasks/);
  });

  it('refuses unknown arguments', async () => {
    expect(await runPurge(['--now'])).toEqual([
      1,
      expect.stringMatching(/^error: unknown option '--now'\n\nUsage: npm run cli -- purge \[options\]\n/),
    ]);
  });

  it('is run by the application once an hour, by one instance', async () => {
    const newOldTrash = async () => {
      const task = await newTask(user);
      await user.api.delete(`/tasks/${task.id}`).expect(204);
      await setTrashedAgo(task.id, 8);
      return task.id;
    };
    const exists = async (id: string) =>
      (await app.database.query('SELECT FROM tasks WHERE id = $1', [id])).rowCount === 1;
    const startInstance = () => startApp({ DATABASE_URL: app.databaseUrl });

    // The application of this file has already purged in this hour.
    const first = await newOldTrash();
    const [one, two] = [await startInstance(), await startInstance()];
    expect(await exists(first)).toBe(true);
    await app.database.query(
      `UPDATE rate_limits SET free_at = now(), resets_at = now() WHERE key LIKE 'purge:%'`,
    );
    const three = await startInstance();
    expect(await exists(first)).toBe(false);
    const second = await newOldTrash();
    const four = await startInstance();
    for (const each of [one, two, three, four]) await each.close();
    expect(await exists(second)).toBe(true);
  });
});
