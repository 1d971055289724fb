import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

/*
 * Operations on many rows at once. There is one connection, so that triggers run with the plans that they got for a single
 * row.
 */
let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp({ DATABASE_POOL_SIZE: '1' })));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

/** Inserts rows without triggers, which would run for each row. The tests run without autovacuum, which would analyze them. */
async function insert(text: string): Promise<void> {
  await app.database.query(
    `SET session_replication_role = replica; ${text}; SET session_replication_role = origin; ANALYZE`,
  );
}

async function countOf(text: string): Promise<number> {
  const { rows } = await app.database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${text} AND user_id = $1`,
    [user.id],
  );
  return rows[0]!.count;
}

it('a goal with 6,000 subgoals can be deleted', async () => {
  const goal = await newGoal(user);
  await user.api.patch(`/goals/${goal.id}`, { title: 'One row' }).expect(200);
  await insert(`INSERT INTO goals (user_id, id, title, progress, parent_goal_id)
    SELECT '${user.id}', gen_random_uuid(), 'Subgoal', 50, '${goal.id}' FROM generate_series(1, 6000)`);
  await user.api.delete(`/goals/${goal.id}`).expect(204);
  expect(await countOf('goals WHERE parent_goal_id IS NULL AND progress = 50 AND version = 2')).toBe(6000);
  expect(await countOf(`changes WHERE fields ? 'parent_goal_id'`)).toBe(6000);
});

it('a goal with 9,000 tasks can be deleted and restored with their links', async () => {
  const goal = await newGoal(user);
  const task = await newTask(user, { goal_id: goal.id });
  await user.api.post(`/tasks/${task.id}/complete`).expect(200);
  await insert(`INSERT INTO tasks (user_id, id, title, goal_id)
    SELECT '${user.id}', gen_random_uuid(), 'A task', '${goal.id}' FROM generate_series(1, 9000)`);
  await user.api.delete(`/goals/${goal.id}`).expect(204);
  expect(await countOf('tasks WHERE goal_id IS NULL AND deleted_at IS NULL')).toBe(9001);
  const { body } = await user.api.post(`/goals/${goal.id}/restore`).expect(200);
  expect(body).toMatchObject({ progress: 0.01 });
  expect(await countOf(`tasks WHERE goal_id = '${goal.id}'`)).toBe(9001);
});

it('9,000 tasks and subtasks of a goal are moved to the trash as one operation', async () => {
  const [goal, other] = [await newGoal(user), await newGoal(user)];
  const tasks = [await newTask(user, { goal_id: goal.id }), await newTask(user, { goal_id: other.id })];
  const [parent, kept] = [tasks[0]!, tasks[1]!];
  const subtask = await newTask(user, { goal_id: other.id, parent_task_id: parent.id });
  await insert(`INSERT INTO tasks (user_id, id, title, goal_id, parent_task_id)
    SELECT '${user.id}', gen_random_uuid(), 'A task', '${goal.id}', CASE WHEN n % 2 = 0 THEN '${parent.id}'::uuid END
    FROM generate_series(1, 9000) n`);
  await user.api.delete(`/goals/${goal.id}?tasks=trash`).expect(204);
  const { rows } = await app.database.query(
    `SELECT count(*)::int, count(DISTINCT deleted_at)::int AS timestamps, count(goal_id)::int AS linked
     FROM tasks WHERE user_id = $1 AND deleted_at IS NOT NULL`,
    [user.id],
  );
  expect(rows).toEqual([{ count: 9002, timestamps: 1, linked: 1 }]);
  await user.api.get(`/tasks/${kept.id}`).expect(200);
  await user.api.post(`/tasks/${parent.id}/restore`).expect(200);
  expect((await user.api.get(`/tasks/${subtask.id}`).expect(200)).body).toMatchObject({ goal_id: other.id });
  expect(await countOf('tasks WHERE deleted_at IS NULL')).toBe(4503);
  await user.api.delete(`/tasks/${parent.id}?permanent=true`).expect(204);
  expect(await countOf('tasks WHERE true')).toBe(4501);
});

it('nothing is trashed when the goal belongs to another user', async () => {
  const other = await newUser(app);
  const goal = await newGoal(other);
  const task = await newTask(other, { goal_id: goal.id });
  await user.api.delete(`/goals/${goal.id}?tasks=trash`).expect(404);
  await other.api.get(`/tasks/${task.id}`).expect(200);
});

it('a tag of 9,000 tasks can be renamed and deleted', async () => {
  const task = await newTask(user, { tags: ['old', 'z'] });
  const { body } = await user.api.get('/tags').expect(200);
  const [tag] = (body as { items: Json[] }).items;
  await user.api.patch(`/tags/${tag!.id}`, { name: 'older' }).expect(200);
  await insert(`INSERT INTO tasks (user_id, id, title, tags)
    SELECT '${user.id}', gen_random_uuid(), 'A task', '{older}' FROM generate_series(1, 9000);
    INSERT INTO task_tags (user_id, task_id, tag_id) SELECT user_id, id, '${tag!.id}' FROM tasks
      WHERE user_id = '${user.id}' AND id <> '${task.id}'`);
  await user.api.patch(`/tags/${tag!.id}`, { name: 'new' }).expect(200);
  expect(await countOf(`tasks WHERE tags @> '{new}'`)).toBe(9001);
  await user.api.delete(`/tags/${tag!.id}`).expect(204);
  expect(await countOf(`tasks WHERE tags <> '{}'`)).toBe(1);
  expect(await countOf('changes WHERE true')).toBe(1);
});
