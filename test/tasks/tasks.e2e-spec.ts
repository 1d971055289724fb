import { startApp, TestApp } from '../setup/app';
import { lenient, ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app, { timezone: 'America/Los_Angeles' });
});
afterAll(() => app.close());

const getTask = async (id: string) => (await user.api.get(`/tasks/${id}`).expect(200)).body as Json;

it('creating a task sets defaults and returns every field', async () => {
  const { body } = await user.api.post('/tasks', { title: '  Lay a stone ' }).expect(201);
  expect(body).toEqual({
    id: expect.stringMatching(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    ) as string,
    title: 'Lay a stone',
    description: null,
    notes: null,
    status: 'pending',
    completed: false,
    priority: 3,
    category: null,
    due_date: null,
    estimated_hours: null,
    actual_hours: null,
    goal_id: null,
    parent_task_id: null,
    tags: [],
    is_blocked: false,
    project_name: null,
    repository_path: null,
    completed_at: null,
    deleted_at: null,
    created_at: expect.stringMatching(/Z$/) as string,
    updated_at: (body as Json).created_at,
    version: 1,
  });
  expect(await getTask((body as Json).id)).toEqual(body);
});

it('creating a task stores every field exactly', async () => {
  const goal = await newGoal(user);
  const fields = {
    title: 'Grüße 👩‍👩‍👧‍👦 שלום 𝒳',
    description: 'two\nlines, a \\ and a "quote" and a :colon',
    notes: '[BLOCKED] no stones',
    status: 'blocked',
    priority: 1,
    category: 'building',
    due_date: '2026-12-31T23:30:00.125Z',
    estimated_hours: 2.25,
    actual_hours: 0,
    goal_id: goal.id,
    project_name: 'Cairn',
    repository_path: '/home/me/cairn',
  };
  expect(await newTask(user, fields)).toMatchObject({ ...fields, completed: false });
});

it('a plain due date means the end of that day in the user’s time zone', async () => {
  expect(await newTask(user, { due_date: '2026-07-01' })).toMatchObject({
    due_date: '2026-07-02T06:59:59.999Z',
  });
  expect(await newTask(user, { due_date: '2026-12-31' })).toMatchObject({
    due_date: '2027-01-01T07:59:59.999Z',
  });
  const task = await newTask(user, { due_date: '2026-07-01T12:00:00+02:00' });
  expect(task).toMatchObject({ due_date: '2026-07-01T10:00:00.000Z' });
  const { body } = await user.api.patch(`/tasks/${task.id}`, { due_date: '2026-03-08' }).expect(200);
  expect(body).toMatchObject({ due_date: '2026-03-09T06:59:59.999Z' });
});

it.each([
  ['In Progress', 'in_progress'],
  ['in-progress', 'in_progress'],
  ['DONE', 'completed'],
  ['canceled', 'cancelled'],
  ['To Do', 'pending'],
])('a status of %s is stored as %s', async (input, status) => {
  expect(await newTask(lenient(user), { status: input })).toMatchObject({
    status,
    completed: status === 'completed',
  });
});

it.each([
  ['High', 2],
  ['urgent', 1],
  ['5', 5],
])('a priority of %s is stored as %d', async (input, priority) => {
  expect(await newTask(lenient(user), { priority: input })).toMatchObject({ priority });
});

describe('updating a task', () => {
  it.each(['patch', 'put'] as const)('by %s keeps absent fields and clears null fields', async (method) => {
    const task = await newTask(user, {
      description: 'long',
      category: 'a',
      due_date: '2026-12-31T00:00:00Z',
      priority: 2,
    });
    const { body } = await user.api[method](`/tasks/${task.id}`, {
      title: 'New',
      due_date: null,
      category: null,
    }).expect(200);
    const { updated_at } = body as Json;
    expect(body).toEqual({ ...task, title: 'New', due_date: null, category: null, version: 2, updated_at });
    expect(await getTask(task.id)).toEqual(body);
  });

  it('with the stored values changes nothing', async () => {
    const task = await newTask(user, { category: 'a' });
    for (const changes of [{}, { category: 'a' }, { status: 'pending' }]) {
      const { body } = await user.api.patch(`/tasks/${task.id}`, changes).expect(200);
      expect(body).toEqual(task);
    }
  });

  it('refuses read-only and unknown fields', async () => {
    const task = await newTask(user);
    for (const field of [
      'id',
      'user_id',
      'created_at',
      'updated_at',
      'completed_at',
      'deleted_at',
      'owner',
      'constructor',
    ]) {
      const { body } = await user.api
        .patch(`/tasks/${task.id}`, { title: 'New', [field]: '2020-01-01' })
        .expect(422);
      expect((body as { errors: object[] }).errors).toMatchObject([{ field, code: 'unknown_field' }]);
    }
    expect(await getTask(task.id)).toEqual(task);
  });

  it('accepts completed in place of status, and refuses a contradiction', async () => {
    const task = await newTask(user, { status: 'in_progress' });
    const update = async (changes: object) =>
      (await user.api.patch(`/tasks/${task.id}`, changes).expect(200)).body as Json;
    expect(await update({ completed: false })).toMatchObject({ status: 'in_progress', version: 1 });
    expect(await update({ completed: true })).toMatchObject({ status: 'completed', completed: true });
    expect(await update({ completed: false })).toMatchObject({
      status: 'pending',
      completed: false,
      completed_at: null,
    });
    expect(await update({ completed: true, status: 'completed' })).toMatchObject({ status: 'completed' });
    expect(await update({ completed: false, status: 'blocked' })).toMatchObject({ status: 'blocked' });
    await user.api.patch(`/tasks/${task.id}`, { completed: true, status: 'pending' }).expect(422);
    await user.api.patch(`/tasks/${task.id}`, { completed: false, status: 'completed' }).expect(422);
    await user.api.post('/tasks', { title: 'x', completed: true, status: 'pending' }).expect(422);
    expect(await newTask(user, { completed: true })).toMatchObject({ status: 'completed' });
    expect(await getTask(task.id)).toMatchObject({ status: 'blocked' });
  });
});

describe('completed_at of a task', () => {
  it('follows the status on every route that changes it', async () => {
    const { id } = await newTask(user);
    const completed = (await user.api.post(`/tasks/${id}/complete`).expect(200)).body as Json;
    expect(completed).toMatchObject({ status: 'completed', completed: true, version: 2 });
    expect(completed.completed_at).toBe(completed.updated_at);
    expect((await user.api.post(`/tasks/${id}/complete`).expect(200)).body).toEqual(completed);

    const reopened = (await user.api.post(`/tasks/${id}/reopen`).expect(200)).body as Json;
    expect(reopened).toMatchObject({ status: 'pending', completed: false, completed_at: null, version: 3 });
    expect((await user.api.post(`/tasks/${id}/reopen`).expect(200)).body).toEqual(reopened);

    const { body } = await user.api.put(`/tasks/${id}`, { status: 'completed' }).expect(200);
    expect((body as Json).completed_at).toBe((body as Json).updated_at);
    expect((await user.api.patch(`/tasks/${id}`, { title: 'New' }).expect(200)).body).toMatchObject({
      completed_at: (body as Json).completed_at,
    });
    expect((await user.api.patch(`/tasks/${id}`, { status: 'cancelled' }).expect(200)).body).toMatchObject({
      completed_at: null,
    });
    expect((await user.api.post(`/tasks/${id}/reopen`).expect(200)).body).toMatchObject({
      status: 'pending',
    });
    expect(await newTask(user, { status: 'completed' })).toMatchObject({
      completed_at: expect.stringMatching(/Z$/) as string,
    });
  });
});

describe('the trash', () => {
  it('receives deleted tasks and restores them unchanged', async () => {
    const owner = await newUser(app);
    const [kept, task] = [await newTask(owner), await newTask(owner, { category: 'a', status: 'blocked' })];
    await owner.api.delete(`/tasks/${task.id}`).expect(204);
    for (const method of ['get', 'delete'] as const) await owner.api[method](`/tasks/${task.id}`).expect(404);
    await owner.api.patch(`/tasks/${task.id}`, { title: 'New' }).expect(404);
    await owner.api.post(`/tasks/${task.id}/complete`).expect(404);
    expect(await ids(owner, '/tasks')).toEqual([kept.id]);
    expect(await ids(owner, '/tasks?trashed=true')).toEqual([task.id]);
    await owner.api.post(`/tasks/${kept.id}/restore`).expect(404);

    const { body } = await owner.api.post(`/tasks/${task.id}/restore`).expect(200);
    const { updated_at } = body as Json;
    expect(body).toEqual({ ...task, version: 3, updated_at });
    expect(await ids(owner, '/tasks')).toEqual([task.id, kept.id]);
    expect(await ids(owner, '/tasks?trashed=true')).toEqual([]);
  });

  it('is bypassed with permanent=true, which also deletes tasks in it', async () => {
    const owner = await newUser(app);
    const [live, trashed] = [await newTask(owner), await newTask(owner)];
    await owner.api.delete(`/tasks/${trashed.id}`).expect(204);
    for (const { id } of [live, trashed]) await owner.api.delete(`/tasks/${id}?permanent=true`).expect(204);
    expect(await ids(owner, '/tasks?trashed=true')).toEqual([]);
    await owner.api.post(`/tasks/${trashed.id}/restore`).expect(404);
    await owner.api.delete(`/tasks/${live.id}?permanent=true`).expect(404);
    await owner.api.delete(`/tasks/${live.id}?permanent=perhaps`).expect(422);
  });
});

describe('the goal and parent of a task', () => {
  it('must exist and belong to the user: otherwise 404', async () => {
    const other = await newUser(app);
    const [task, goal, foreign] = [await newTask(user), await newGoal(other), await newTask(other)];
    const missing = '01a1fc21-db47-72db-b5fb-cb2dbd3c58f3';
    for (const [field, id] of [
      ['goal_id', goal.id],
      ['parent_task_id', foreign.id],
    ] as const) {
      for (const value of [id, missing]) {
        const created = await user.api.post('/tasks', { title: 'x', [field]: value }).expect(404);
        const changed = await user.api.patch(`/tasks/${task.id}`, { [field]: value }).expect(404);
        for (const { body } of [created, changed]) expect(body).toMatchObject({ code: 'not_found' });
      }
    }
    expect(await getTask(task.id)).toEqual(task);
  });

  it('must not form a cycle', async () => {
    const [a, b, c] = [await newTask(user), await newTask(user), await newTask(user)];
    await user.api.patch(`/tasks/${b.id}`, { parent_task_id: a.id }).expect(200);
    await user.api.patch(`/tasks/${c.id}`, { parent_task_id: b.id }).expect(200);
    for (const parent of [a, b, c]) {
      const { body } = await user.api.patch(`/tasks/${a.id}`, { parent_task_id: parent.id }).expect(409);
      expect(body).toMatchObject({ code: 'cycle' });
    }
    await user.api.patch(`/tasks/${c.id}`, { parent_task_id: null }).expect(200);
  });
});
