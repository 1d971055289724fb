import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newTask, newUser, password, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

interface Change {
  id: number;
  entity: string;
  entity_id: string;
  version: number;
  operation: string;
  fields: Record<string, { old: unknown; new: unknown }>;
  changed_at: string;
}

async function historyOf(path: string): Promise<Change[]> {
  const { body } = await user.api.get(`${path}/history`).expect(200);
  return (body as { items: Change[] }).items;
}
const fieldsOf = async (path: string) => (await historyOf(path)).map(({ fields }) => fields);
const tagId = async (name: string) => {
  const { body } = await user.api.get('/tags').expect(200);
  return (body as { items: (Json & { name: string })[] }).items.find((tag) => tag.name === name)!.id;
};
const undo = async (id: string, query = '') =>
  (await user.api.post(`/tasks/${id}/undo${query}`).expect(200)).body as Json;

describe('the history', () => {
  it('lists the changes of a task, newest first, with the old and new value of each field', async () => {
    const task = await newTask(user, { due_date: '2026-12-31', tags: ['a'], estimated_hours: 1.5 });
    await user.api
      .patch(`/tasks/${task.id}`, { title: 'Another', priority: 3, tags: ['b', 'a'] })
      .expect(200);
    const completed = (await user.api.post(`/tasks/${task.id}/complete`).expect(200)).body as Json;
    const changes = await historyOf(`/tasks/${task.id}`);
    expect(changes).toEqual([
      {
        id: 3,
        entity: 'task',
        entity_id: task.id,
        version: 3,
        operation: 'update',
        fields: {
          status: { old: 'pending', new: 'completed' },
          completed_at: { old: null, new: completed.completed_at },
        },
        changed_at: completed.updated_at,
        is_imported: false,
      },
      expect.objectContaining({
        id: 2,
        version: 2,
        operation: 'update',
        fields: { title: { old: 'A task', new: 'Another' }, tags: { old: ['a'], new: ['a', 'b'] } },
      }),
      expect.objectContaining({
        id: 1,
        version: 1,
        operation: 'create',
        fields: {
          title: { old: null, new: 'A task' },
          status: { old: null, new: 'pending' },
          priority: { old: null, new: 3 },
          tags: { old: null, new: ['a'] },
          due_date: { old: null, new: '2026-12-31T23:59:59.999Z' },
          estimated_hours: { old: null, new: 1.5 },
        },
      }),
    ]);
    const page = await user.api.get(`/tasks/${task.id}/history?limit=2&include=total`).expect(200);
    const { next_cursor, total } = page.body as { next_cursor: string; total: number };
    const rest = await user.api.get(`/tasks/${task.id}/history?limit=2&cursor=${next_cursor}`).expect(200);
    expect([total, (rest.body as { items: Json[] }).items]).toEqual([3, [changes[2]]]);
  });

  it('contains no updates without a change and no refused updates', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { title: 'A task' }).expect(200);
    await user.api.patch(`/tasks/${task.id}`, { title: 'B', goal_id: task.id }).expect(404);
    expect(await historyOf(`/tasks/${task.id}`)).toHaveLength(1);
  });

  it('records the unlinking of tasks and subgoals when a goal is deleted', async () => {
    const goal = await newGoal(user, { metrics: { height: 1 } });
    const subtask = await newGoal(user, { parent_goal_id: goal.id });
    const task = await newTask(user, { goal_id: goal.id });
    await user.api
      .patch(`/goals/${goal.id}`, { metrics: { height: 2 }, target_date: '2027-01-01' })
      .expect(200);
    expect((await fieldsOf(`/goals/${goal.id}`))[0]).toEqual({
      metrics: { old: { height: 1 }, new: { height: 2 } },
      target_date: { old: null, new: '2027-01-01T23:59:59.999Z' },
    });
    await user.api.delete(`/goals/${goal.id}`).expect(204);
    expect((await fieldsOf(`/goals/${subtask.id}`))[0]).toEqual({
      parent_goal_id: { old: goal.id, new: null },
    });
    expect((await fieldsOf(`/tasks/${task.id}`))[0]).toEqual({ goal_id: { old: goal.id, new: null } });
    await user.api.delete(`/goals/${goal.id}?permanent=true`).expect(204);
    await user.api.get(`/goals/${goal.id}/history`).expect(404);
  });

  it('contains indirect changes: trashed subtasks, hours from time entries', async () => {
    const task = await newTask(user);
    const subtask = await newTask(user, { parent_task_id: task.id });
    await user.api.post(`/tasks/${subtask.id}/time-entries`, { hours: 2 }).expect(201);
    await user.api.delete(`/tasks/${task.id}`).expect(204);
    const deleted = { deleted_at: { old: null, new: expect.any(String) as string } };
    expect((await fieldsOf(`/tasks/${task.id}`))[0]).toEqual(deleted);
    expect((await fieldsOf(`/tasks/${subtask.id}`)).slice(0, 2)).toEqual([
      deleted,
      { actual_hours: { old: null, new: 2 } },
    ]);
  });

  it('contains no changes of tasks when a tag is renamed, merged or deleted, but their version increases', async () => {
    const task = await newTask(user, { tags: ['a', 'b'] });
    await user.api.patch(`/tags/${await tagId('a')}`, { name: 'c' }).expect(200);
    await user.api.patch(`/tags/${await tagId('c')}`, { name: 'b' }).expect(200);
    await user.api.delete(`/tags/${await tagId('b')}`).expect(204);
    expect((await user.api.get(`/tasks/${task.id}`)).body).toMatchObject({ tags: [], version: 4 });
    expect(await historyOf(`/tasks/${task.id}`)).toHaveLength(1);
    // In a later update, the history continues with the current names.
    await user.api.patch(`/tasks/${task.id}`, { tags: ['d'] }).expect(200);
    expect((await historyOf(`/tasks/${task.id}`))[0]).toMatchObject({
      version: 5,
      fields: { tags: { old: [], new: ['d'] } },
    });
  });

  it('keeps only the fact of a permanent deletion', async () => {
    const task = await newTask(user, { title: 'Secret' });
    const subtask = await newTask(user, { parent_task_id: task.id, title: 'Secret too' });
    const goal = await newGoal(user, { title: 'Secret three' });
    await user.api.delete(`/tasks/${task.id}?permanent=true`).expect(204);
    await user.api.delete(`/goals/${goal.id}?permanent=true`).expect(204);
    const { rows } = await app.database.query<Change>(
      'SELECT id::int, entity_id, version, operation, fields FROM changes WHERE user_id = $1 ORDER BY id',
      [user.id],
    );
    expect(rows.map(({ id }) => id)).toEqual([6, 7, 8]); // after three creations and two moves to the trash
    expect(rows.map(({ entity_id }) => entity_id).sort()).toEqual([task.id, subtask.id, goal.id].sort());
    for (const row of rows) expect(row).toMatchObject({ operation: 'delete', fields: {} });
    expect(rows.map(({ version }) => version)).toEqual([3, 3, 2]);
  });

  it('is numbered without gaps in the order of commits, even with parallel writes', async () => {
    const tasks = [await newTask(user), await newTask(user), await newTask(user)];
    await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        user.api.patch(`/tasks/${tasks[n % 3]!.id}`, { title: `Title ${n}` }).expect(200),
      ),
    );
    const { rows } = await app.database.query<{ id: number; entity_id: string; version: number }>(
      'SELECT id::int, entity_id, version FROM changes WHERE user_id = $1 ORDER BY id',
      [user.id],
    );
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 63 }, (_, n) => n + 1));
    for (const { id } of tasks) {
      const versions = rows.filter(({ entity_id }) => entity_id === id).map(({ version }) => version);
      expect(versions).toEqual(Array.from({ length: 21 }, (_, n) => n + 1));
    }
  });

  it('is visible to its owner only, and is deleted with the owner', async () => {
    const other = await newUser(app);
    const task = await newTask(other);
    await user.api.get(`/tasks/${task.id}/history`).expect(404);
    await user.api.post(`/tasks/${task.id}/undo`).expect(404);
    await user.api.get(`/users/${other.id}/tasks/${task.id}/history`).expect(403);
    await other.api.delete('/users/me', { password, immediately: true }).expect(204);
    await app.waitForPurge();
    const { rows } = await app.database.query('SELECT FROM changes WHERE user_id = $1', [other.id]);
    expect(rows).toEqual([]);
  });
});

describe('undoing the last change of a task', () => {
  it('restores every field of the last change', async () => {
    const goal = await newGoal(user);
    const task = await newTask(user, {
      ...{ description: 'D', notes: 'N', category: 'C', due_date: '2026-12-31', estimated_hours: 2.25 },
      ...{ goal_id: goal.id, tags: ['a', 'b'], project_name: 'P', repository_path: '/r', actual_hours: 1 },
    });
    await user.api
      .patch(`/tasks/${task.id}`, {
        ...{ title: 'Other', description: null, notes: 'M', category: null, due_date: null, priority: 1 },
        ...{ estimated_hours: null, goal_id: null, tags: ['c'], project_name: null, repository_path: null },
        ...{ actual_hours: null, status: 'completed' },
      })
      .expect(200);
    expect(await undo(task.id)).toEqual({ ...task, updated_at: expect.any(String) as string, version: 3 });
    expect((await historyOf(`/tasks/${task.id}`))[0]).toMatchObject({
      version: 3,
      fields: { title: { old: 'Other', new: 'A task' } },
    });
  });

  it('restores completed_at', async () => {
    const task = await newTask(user, { status: 'completed' });
    await user.api.post(`/tasks/${task.id}/reopen`).expect(200);
    expect(await undo(task.id)).toMatchObject({ status: 'completed', completed_at: task.completed_at });
  });

  it('is reverted by a second undo', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { title: 'Other' }).expect(200);
    expect(await undo(task.id)).toMatchObject({ title: 'A task', version: 3 });
    expect(await undo(task.id)).toMatchObject({ title: 'Other', version: 4 });
  });

  it('restores a task with its subtasks from the trash, and moves them back', async () => {
    const task = await newTask(user);
    const subtask = await newTask(user, { parent_task_id: task.id });
    await user.api.delete(`/tasks/${task.id}`).expect(204);
    expect(await undo(task.id)).toMatchObject({ deleted_at: null });
    await user.api.get(`/tasks/${subtask.id}`).expect(200);
    expect(await undo(task.id)).toMatchObject({ deleted_at: expect.any(String) as string });
    await user.api.get(`/tasks/${task.id}`).expect(404);
    await user.api.get(`/tasks/${subtask.id}`).expect(404);
  });

  it('is refused for a new task, and when the task has changed since', async () => {
    const task = await newTask(user);
    const nothing = await user.api.post(`/tasks/${task.id}/undo`).expect(409);
    expect(nothing.body).toMatchObject({ code: 'nothing_to_undo' });
    await user.api.patch(`/tasks/${task.id}`, { title: 'B' }).expect(200);
    await user.api.patch(`/tasks/${task.id}`, { title: 'C' }).expect(200);
    const since = await user.api.post(`/tasks/${task.id}/undo?version=2`).expect(409);
    expect(since.body).toMatchObject({ code: 'changed_since' });
    expect(await undo(task.id, '?version=3')).toMatchObject({ title: 'B', version: 4 });
    // An update that bypasses the triggers that record the history:
    await app.database
      .query(`SET session_replication_role = replica; UPDATE tasks SET title = 'D', version = 5
      WHERE user_id = '${user.id}'; SET session_replication_role = origin`);
    expect((await user.api.post(`/tasks/${task.id}/undo`).expect(409)).body).toMatchObject({
      code: 'changed_since',
    });
    await user.api.post(`/tasks/${task.id}/undo?version=0`).expect(422);
    await user.api.post(`/tasks/${task.id}/undo?version=x`).expect(422);
  });

  it('is possible after a tag of the task was renamed, unless it would undo the tags', async () => {
    const task = await newTask(user, { tags: ['a'] });
    await user.api.patch(`/tasks/${task.id}`, { title: 'B', due_date: '2027-01-01' }).expect(200);
    await user.api.patch(`/tags/${await tagId('a')}`, { name: 'b' }).expect(200);
    expect(await undo(task.id, '?version=3')).toMatchObject({
      title: 'A task',
      due_date: null,
      tags: ['b'],
      version: 4,
    });
    await user.api.patch(`/tasks/${task.id}`, { tags: ['c'] }).expect(200);
    await user.api.patch(`/tags/${await tagId('c')}`, { name: 'd' }).expect(200);
    expect((await user.api.post(`/tasks/${task.id}/undo`).expect(409)).body).toMatchObject({
      code: 'changed_since',
    });
  });

  it('is refused completely when a rule forbids a part of it', async () => {
    const [task, goal] = [await newTask(user), await newGoal(user)];
    await user.api.patch(`/tasks/${task.id}`, { goal_id: goal.id }).expect(200);
    await user.api.patch(`/tasks/${task.id}`, { goal_id: null, title: 'B' }).expect(200);
    await user.api.delete(`/goals/${goal.id}`).expect(204);
    await user.api.post(`/tasks/${task.id}/undo`).expect(404);
    const dependency = await newTask(user);
    const completedTask = await newTask(user, { status: 'completed' });
    await user.api.put(`/tasks/${completedTask.id}/dependencies/${dependency.id}`).expect(204);
    await user.api.post(`/tasks/${completedTask.id}/reopen`).expect(200);
    expect((await user.api.post(`/tasks/${completedTask.id}/undo`).expect(409)).body).toMatchObject({
      code: 'dependency_open',
    });
    await user.api.post(`/tasks/${completedTask.id}/time-entries`, { hours: 1 }).expect(201);
    expect((await user.api.post(`/tasks/${completedTask.id}/undo`).expect(409)).body).toMatchObject({
      code: 'hours_counted',
    });
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ title: 'B' });
  });

  it('is applied one after the other by parallel requests', async () => {
    const task = await newTask(user);
    await user.api.patch(`/tasks/${task.id}`, { title: 'B' }).expect(200);
    const responses = await Promise.all(
      Array.from({ length: 9 }, () => user.api.post(`/tasks/${task.id}/undo`)),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(9).fill(200));
    expect((await user.api.get(`/tasks/${task.id}`)).body).toMatchObject({ title: 'A task', version: 11 });
    const guarded = await Promise.all(
      Array.from({ length: 9 }, () => user.api.post(`/tasks/${task.id}/undo?version=11`)),
    );
    expect(guarded.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(8).fill(409)]);
  });
});

describe('undoing the last change of a goal', () => {
  const undoGoal = async (id: string, query = '') =>
    (await user.api.post(`/goals/${id}/undo${query}`).expect(200)).body as Json;
  const codeOf = async (id: string, query = '') =>
    ((await user.api.post(`/goals/${id}/undo${query}`).expect(409)).body as { code: string }).code;

  it('restores every field of the last change, and a second undo reapplies it', async () => {
    const [parent, other] = [await newGoal(user), await newGoal(user)];
    const goal = await newGoal(user, {
      ...{ description: 'D', horizon: 'weekly', target_date: '2026-12-31', metrics: { a: [1, null] } },
      ...{ parent_goal_id: parent.id, project_name: 'P', success_criteria: 'S', progress: 12.5 },
    });
    expect(await codeOf(goal.id)).toBe('nothing_to_undo');
    const changed = await user.api
      .patch(`/goals/${goal.id}`, {
        ...{ title: 'Other', description: null, horizon: null, target_date: null, metrics: { b: 2 } },
        ...{ parent_goal_id: other.id, project_name: null, success_criteria: null, progress: 100 },
      })
      .expect(200);
    expect(changed.body).toMatchObject({ status: 'completed' });
    const updated = { updated_at: expect.any(String) as string };
    expect(await codeOf(goal.id, '?version=1')).toBe('changed_since');
    expect(await undoGoal(goal.id, '?version=2')).toEqual({ ...goal, ...updated, version: 3 });
    expect(await undoGoal(goal.id)).toEqual({ ...(changed.body as Json), ...updated, version: 4 });
    await user.api.post(`/goals/${goal.id}/undo?force=true`).expect(422);
  });

  it('leaves computed progress as it is, and switches between computed and manual progress', async () => {
    const goal = await newGoal(user);
    const task = await newTask(user, { goal_id: goal.id });
    await newTask(user, { goal_id: goal.id, status: 'completed' });
    await user.api.patch(`/goals/${goal.id}`, { progress: 80 }).expect(200);
    expect(await undoGoal(goal.id)).toMatchObject({ progress: 50, progress_mode: 'computed' });
    expect(await undoGoal(goal.id)).toMatchObject({ progress: 80, progress_mode: 'manual' });
    await user.api.patch(`/goals/${goal.id}`, { progress: 90 }).expect(200);
    expect(await undoGoal(goal.id)).toMatchObject({ progress: 80, progress_mode: 'manual' });
    await user.api.patch(`/goals/${goal.id}`, { progress: null }).expect(200);
    await user.api.patch(`/goals/${goal.id}`, { title: 'B' }).expect(200);
    // The last change of the goal by its user, although its progress has changed since.
    await user.api.patch(`/tasks/${task.id}`, { status: 'cancelled' }).expect(200);
    await user.api.patch(`/tasks/${task.id}`, { status: 'pending' }).expect(200);
    // Completing it by its progress, and back, are changes of the goal.
    expect(await codeOf(goal.id, '?version=1')).toBe('changed_since');
    await user.api.post(`/tasks/${task.id}/complete`).expect(200);
    expect((await user.api.get(`/goals/${goal.id}`)).body).toMatchObject({
      status: 'completed',
      progress: 100,
    });
    expect(await undoGoal(goal.id)).toMatchObject({
      ...{ status: 'active', completed_at: null, progress: 100, progress_mode: 'computed', title: 'B' },
    });
  });

  it('restores it from the trash with its links, and moves it back', async () => {
    const goal = await newGoal(user);
    const subgoal = await newGoal(user, { parent_goal_id: goal.id });
    const task = await newTask(user, { goal_id: goal.id });
    await user.api.delete(`/goals/${goal.id}?tasks=trash`).expect(204);
    expect(await undoGoal(goal.id)).toMatchObject({ deleted_at: null });
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ goal_id: goal.id });
    const linked = async () => ((await user.api.get(`/goals/${subgoal.id}`)).body as Json).parent_goal_id;
    expect(await linked()).toBe(goal.id);
    expect(await undoGoal(goal.id)).toMatchObject({ deleted_at: expect.any(String) as string });
    expect(await linked()).toBeNull();
    // Its tasks are kept.
    expect((await user.api.get(`/tasks/${task.id}`).expect(200)).body).toMatchObject({ goal_id: null });
    await undoGoal(goal.id);
    expect(await linked()).toBe(goal.id);
    // Unlinking a goal in the trash is a change, which cannot be undone there.
    const child = await newGoal(user, { parent_goal_id: goal.id });
    await user.api.delete(`/goals/${child.id}`).expect(204);
    await user.api.delete(`/goals/${goal.id}`).expect(204);
    expect(await codeOf(child.id)).toBe('trashed');
    await user.api.post(`/goals/${child.id}/restore`).expect(200);
    // Undoing the unlinking of a subgoal would link it to a goal in the trash.
    await user.api.post(`/goals/${subgoal.id}/undo`).expect(404);
    await user.api.post(`/tasks/${task.id}/undo`).expect(404);
  });
});
