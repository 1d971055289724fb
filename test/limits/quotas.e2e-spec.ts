import { startApp, TestApp } from '../setup/app';
import { countRows } from '../setup/catalogue';
import { ids, Json, newGoal, newPersonalToken, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp({
    ...{ QUOTA_TASKS: '5', QUOTA_GOAL_TASKS: '3', QUOTA_SUBTASKS: '2' },
    ...{ QUOTA_TASK_DEPENDENCIES: '2', QUOTA_DEPENDENCIES: '3', QUOTA_TIME_ENTRIES: '2' },
    ...{ QUOTA_GOALS: '6', QUOTA_GOAL_DEPTH: '3', QUOTA_TAGS: '3', QUOTA_PERSONAL_TOKENS: '2' },
  });
});
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

type Call = ReturnType<TestUser['api']['get']>;

/** Expects a 409 that names the quota. */
async function expectExceeded(call: Call, detail: string): Promise<void> {
  expect((await call.expect(409)).body).toMatchObject({ code: 'quota_exceeded', detail });
}

const tasksExceeded =
  'You can have at most 5 tasks, including those in the trash. Delete tasks permanently first.';
const createTask = (fields: object = {}) => user.api.post('/tasks', { title: 'A task', ...fields });
const createGoal = (fields: object = {}) => user.api.post('/goals', { title: 'A goal', ...fields });
const createTasks = async (count: number) => {
  const tasks: Json[] = [];
  for (let n = 0; n < count; n++) tasks.push(await newTask(user));
  return tasks;
};
const creation = { op: 'create', data: { title: 'A task' } };

describe('the quota of tasks', () => {
  it('is exact, counts the trash, and is free again after a permanent deletion', async () => {
    const [task] = await createTasks(5);
    await expectExceeded(createTask(), tasksExceeded);
    await user.api.delete(`/tasks/${task!.id}`).expect(204);
    await expectExceeded(createTask(), tasksExceeded);
    await user.api.delete(`/tasks/${task!.id}?permanent=true`).expect(204);
    await createTask().expect(201);
    await expectExceeded(createTask(), tasksExceeded);
    expect(await countRows(app, 'tasks', user.id)).toBe(5);
  });

  it('is exact after subtasks were deleted with their parent', async () => {
    const [parent] = await createTasks(2);
    for (let n = 0; n < 2; n++) await newTask(user, { parent_task_id: parent!.id });
    await user.api.delete(`/tasks/${parent!.id}?permanent=true`).expect(204);
    await createTasks(4);
    await expectExceeded(createTask(), tasksExceeded);
  });

  it('refuses an atomic batch as a whole', async () => {
    await createTasks(3);
    const batch = { mode: 'atomic', operations: [creation, creation, creation] };
    const { body } = await user.api.post('/tasks/batch', batch).expect(409);
    expect(body).toMatchObject({ code: 'quota_exceeded', errors: [{ field: 'operations[2]' }] });
    expect(await countRows(app, 'tasks', user.id)).toBe(3);
    await user.api.post('/tasks/batch', { operations: [creation, creation] }).expect(200);
    await expectExceeded(createTask(), tasksExceeded);
  });

  it('refuses single operations of a partial batch', async () => {
    await createTasks(4);
    const batch = { mode: 'partial', operations: [creation, creation, creation] };
    const { body } = await user.api.post('/tasks/batch', batch).expect(207);
    const { items } = body as { items: { status: number; problem?: { code: string; detail: string } }[] };
    expect(items.map(({ status, problem }) => [status, problem?.detail])).toEqual([
      [201, undefined],
      [409, tasksExceeded],
      [409, tasksExceeded],
    ]);
    expect(await countRows(app, 'tasks', user.id)).toBe(5);
  });

  it('is exact for parallel requests, and separate for each user', async () => {
    const other = await newUser(app);
    const responses = await Promise.all(Array.from({ length: 20 }, () => createTask()));
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(responses.filter(({ status }) => status === 409)).toHaveLength(15);
    expect(await countRows(app, 'tasks', user.id)).toBe(5);
    await newTask(other);
  });

  it('counts rows that were created before their number was stored', async () => {
    await app.database.query(`
      SET session_replication_role = replica;
      INSERT INTO tasks (user_id, id, title) SELECT '${user.id}', gen_random_uuid(), 'Old' FROM generate_series(1, 4);
      SET session_replication_role = origin`);
    await createTask().expect(201);
    await expectExceeded(createTask(), tasksExceeded);
  });

  it('does not limit the operator, whose rows count', async () => {
    await app.database.query(
      `INSERT INTO tasks (user_id, id, title) SELECT $1, gen_random_uuid(), 'Imported' FROM generate_series(1, 6)`,
      [user.id],
    );
    await expectExceeded(createTask(), tasksExceeded);
  });
});

describe('the quotas of one goal and one task', () => {
  it('limit the tasks of a goal, also by updates', async () => {
    const detail =
      'A goal can have at most 3 tasks, including their subtasks and those in the trash. Use another goal, or delete tasks permanently first.';
    const [goal, other] = [await newGoal(user), await newGoal(user)];
    for (let n = 0; n < 3; n++) await newTask(user, { goal_id: goal.id });
    await expectExceeded(createTask({ goal_id: goal.id }), detail);
    const task = await newTask(user, { goal_id: other.id });
    await expectExceeded(user.api.patch(`/tasks/${task.id}`, { goal_id: goal.id }), detail);
    await user.api.patch(`/tasks/${task.id}`, { title: 'Renamed', goal_id: other.id }).expect(200);
  });

  it('count the subtasks of the tasks of a goal once', async () => {
    const [goal, other] = [await newGoal(user), await newGoal(user)];
    const task = await newTask(user, { goal_id: goal.id });
    const subtask = await newTask(user, { parent_task_id: task.id, goal_id: goal.id });
    const separate = await newTask(user);
    await user.api.patch(`/tasks/${separate.id}`, { goal_id: goal.id }).expect(200);
    const refused = await createTask({ parent_task_id: separate.id, goal_id: other.id }).expect(409);
    expect(refused.body).toMatchObject({
      detail: expect.stringMatching(/^A goal can have at most 3/) as string,
    });
    await user.api.patch(`/tasks/${subtask.id}`, { parent_task_id: separate.id }).expect(200);
    await user.api.patch(`/tasks/${task.id}`, { goal_id: null }).expect(200);
    await newTask(user, { parent_task_id: separate.id, goal_id: other.id });
  });

  it('limit the subtasks of a task at all depths, also by moves', async () => {
    const detail =
      'A task can have at most 2 subtasks at all depths, including those in the trash. Use another parent, or delete subtasks permanently first.';
    const [root, other] = await createTasks(2);
    const subtask = await newTask(user, { parent_task_id: root!.id });
    const deepest = await newTask(user, { parent_task_id: subtask.id });
    for (const parent of [root!, subtask, deepest])
      await expectExceeded(createTask({ parent_task_id: parent.id }), detail);
    await expectExceeded(user.api.patch(`/tasks/${other!.id}`, { parent_task_id: deepest.id }), detail);
    await expectExceeded(user.api.patch(`/tasks/${root!.id}`, { parent_task_id: other!.id }), detail);
    await user.api.patch(`/tasks/${subtask.id}`, { parent_task_id: other!.id }).expect(200);
    await newTask(user, { parent_task_id: root!.id });
  });

  it('limit the dependencies of one task and of all tasks', async () => {
    const [a, b, c, d] = (await createTasks(4)).map(({ id }) => id);
    const add = (id: string, otherId: string) => user.api.put(`/tasks/${id}/dependencies/${otherId}`);
    await add(a!, b!).expect(204);
    await add(a!, c!).expect(204);
    await expectExceeded(
      add(a!, d!),
      'A task can depend on at most 2 tasks, including those in the trash. Delete a dependency of the task first.',
    );
    await add(a!, c!).expect(204); // exists
    await add(b!, c!).expect(204);
    await expectExceeded(
      add(b!, d!),
      'You can have at most 3 dependencies between tasks, including those of tasks in the trash. Delete dependencies first.',
    );
    await add(b!, c!).expect(204); // exists
    await user.api.delete(`/tasks/${c!}?permanent=true`).expect(204);
    await add(b!, d!).expect(204);
  });
});

describe('the quotas of other resources', () => {
  it('limit goals', async () => {
    for (let n = 0; n < 6; n++) await newGoal(user, n % 2 ? { status: 'completed' } : {});
    const [trashed] = await ids(user, '/goals');
    await user.api.delete(`/goals/${trashed}`).expect(204);
    const detail =
      'You can have at most 6 goals, including those in the trash. Delete goals permanently first.';
    await expectExceeded(createGoal(), detail);
    await user.api.delete(`/goals/${trashed}?permanent=true`).expect(204);
    await newGoal(user);
  });

  it('limit the depth of goals, for new, moved and restored goals', async () => {
    const detail =
      'Goals can be nested at most 3 levels deep, including the topmost goal. Use another parent goal.';
    const first = await newGoal(user);
    const second = await newGoal(user, { parent_goal_id: first.id });
    const third = await newGoal(user, { parent_goal_id: second.id });
    await expectExceeded(createGoal({ parent_goal_id: third.id }), detail);
    const root = await newGoal(user);
    await expectExceeded(user.api.patch(`/goals/${first.id}`, { parent_goal_id: root.id }), detail);
    await user.api.patch(`/goals/${second.id}`, { parent_goal_id: root.id }).expect(200);
    await user.api.patch(`/goals/${third.id}`, { parent_goal_id: first.id }).expect(200);
    await user.api.patch(`/goals/${first.id}`, { parent_goal_id: root.id }).expect(200);
    await user.api.put(`/goals/${third.id}`, { parent_goal_id: third.id }).expect(409);
    // Restored, it would have a subgoal on the fourth level.
    await user.api.delete(`/goals/${first.id}`).expect(204);
    const top = await newGoal(user);
    await user.api.patch(`/goals/${root.id}`, { parent_goal_id: top.id }).expect(200);
    await expectExceeded(user.api.post(`/goals/${first.id}/restore`), detail);
    expect(await ids(user, '/goals?trashed=true')).toEqual([first.id]);
    await user.api.patch(`/goals/${root.id}`, { parent_goal_id: null }).expect(200);
    await user.api.post(`/goals/${first.id}/restore`).expect(200);
    expect(await ids(user, `/goals?parent_goal_id=${first.id}`)).toEqual([third.id]);
  });

  it('limit tags, and refuse the task that needs more', async () => {
    const detail = 'You can have at most 3 tags, including unused ones. Delete or merge tags first.';
    const task = await newTask(user, { tags: ['a', 'b'] });
    await expectExceeded(createTask({ tags: ['b', 'c', 'd'] }), detail);
    await expectExceeded(user.api.patch(`/tasks/${task.id}`, { tags: ['c', 'd'] }), detail);
    expect([await countRows(app, 'tasks', user.id), await countRows(app, 'tags', user.id)]).toEqual([1, 2]);
    await newTask(user, { tags: ['A', 'B', 'c'] });
    const { body } = await user.api.get('/tags').expect(200);
    const [a] = (body as { items: Json[] }).items;
    await user.api.patch(`/tags/${a!.id}`, { name: 'c' }).expect(200);
    await newTask(user, { tags: ['d'] });
    await expectExceeded(createTask({ tags: ['e'] }), detail);
  });

  it('limit time entries and timers', async () => {
    const detail =
      'You can have at most 2 time entries, including those of tasks in the trash. Delete time entries first.';
    const task = await newTask(user);
    for (let n = 0; n < 2; n++)
      await user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }).expect(201);
    await expectExceeded(user.api.post(`/tasks/${task.id}/time-entries`, { hours: 1 }), detail);
    await expectExceeded(user.api.post(`/tasks/${task.id}/timer/start`), detail);
    expect((await user.api.get(`/tasks/${task.id}`)).body).toMatchObject({ actual_hours: 2 });
  });

  it('limit personal access tokens, also expired ones', async () => {
    await newPersonalToken(user);
    const { id } = await newPersonalToken(user);
    await app.database.query(
      `UPDATE personal_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day' WHERE id = $1`,
      [id],
    );
    await expectExceeded(
      user.api.post('/auth/tokens', { name: 'Third', scopes: ['read'] }),
      'You can have at most 2 personal access tokens, including expired ones. Delete tokens first.',
    );
    await user.api.delete(`/auth/tokens/${id}`).expect(204);
    await newPersonalToken(user);
  });

  it('are documented at every operation that can exceed them', () => {
    const { paths } = app.contract.document;
    const documented = Object.entries(paths).flatMap(([path, item]) =>
      (['get', 'post', 'put', 'patch', 'delete'] as const)
        .filter((method) => JSON.stringify(item[method]?.responses['409'] ?? '').includes('quota_exceeded'))
        .map((method) => `${method} ${path.replace('/api/v1', '')}`),
    );
    expect(documented.filter((operation) => !operation.includes('{user_id}')).sort()).toEqual([
      'patch /goals/{id}',
      'patch /tasks/{id}',
      'post /auth/tokens',
      'post /goals',
      'post /goals/batch',
      'post /goals/{id}/restore',
      'post /goals/{id}/undo',
      'post /tasks',
      'post /tasks/batch',
      'post /tasks/{id}/time-entries',
      'post /tasks/{id}/timer/start',
      'post /tasks/{id}/undo',
      'put /goals/{id}',
      'put /tasks/{id}',
      'put /tasks/{id}/dependencies/{other_id}',
    ]);
  });
});
