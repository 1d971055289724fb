import { startApp, TestApp } from '../setup/app';
import { ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const getGoal = async (id: string) => (await user.api.get(`/goals/${id}`).expect(200)).body as Json;
const progress = async (id: string) => (await getGoal(id)).progress;
const update = (path: string, fields: object) => user.api.patch(path, fields).expect(200);

/** Creates tasks of a goal: a number for each status. */
async function newTasks(goalId: string, counts: Record<string, number>): Promise<Json[]> {
  const operations = Object.entries(counts).flatMap(([status, count]) =>
    Array.from({ length: count }, () => ({ op: 'create', data: { title: status, status, goal_id: goalId } })),
  );
  const { body } = await user.api.post('/tasks/batch', { operations }).expect(200);
  return (body as { items: { data: Json }[] }).items.map(({ data }) => data);
}

describe('the progress of a goal', () => {
  it('is null when no task or subgoal contributes', async () => {
    const { id } = await newGoal(user);
    expect(await progress(id)).toBeNull();
    await newTasks(id, { cancelled: 2 });
    await newGoal(user, { parent_goal_id: id });
    expect(await progress(id)).toBeNull();
  });

  it('is the share of completed tasks among those that are not cancelled', async () => {
    const { id } = await newGoal(user);
    await newTasks(id, { completed: 2, pending: 2, in_progress: 1, blocked: 1, cancelled: 5 });
    expect(await progress(id)).toBe(33.33); // 2 of 6
    await newTasks(id, { completed: 2 });
    expect(await progress(id)).toBe(50); // 4 of 8
    await newTasks(id, { pending: 1 });
    expect(await progress(id)).toBe(44.44); // 4 of 9
  });

  it('is the mean of the subgoals with progress when it has no tasks', async () => {
    const { id } = await newGoal(user);
    for (const value of [10, 45, 100]) await newGoal(user, { parent_goal_id: id, progress: value });
    await newGoal(user, { parent_goal_id: id });
    expect(await progress(id)).toBe(51.67); // 155 / 3
    await newGoal(user, { parent_goal_id: id, progress: 100, status: 'cancelled' });
    expect(await progress(id)).toBe(51.67);
  });

  it('is the mean of its tasks and its subgoals when it has both', async () => {
    const { id } = await newGoal(user);
    await newTasks(id, { completed: 1, pending: 2 });
    const subgoal = await newGoal(user, { parent_goal_id: id, progress: 50 });
    expect(await progress(id)).toBe(41.67); // (33.33… + 50) / 2
    await update(`/goals/${subgoal.id}`, { progress: 0.01 });
    expect(await progress(id)).toBe(16.67); // (33.33… + 0.01) / 2 = 16.671…
  });

  it('is recomputed up to the root with each change of a task', async () => {
    const root = await newGoal(user);
    const middle = await newGoal(user, { parent_goal_id: root.id });
    const leaf = await newGoal(user, { parent_goal_id: middle.id });
    const [first, second] = await newTasks(leaf.id, { pending: 2 });
    await newTasks(root.id, { pending: 1, completed: 1 });
    const all = async () => [await progress(leaf.id), await progress(middle.id), await progress(root.id)];
    expect(await all()).toEqual([0, 0, 25]);
    await user.api.post(`/tasks/${first!.id}/complete`).expect(200);
    expect(await all()).toEqual([50, 50, 50]);
    await update(`/tasks/${second!.id}`, { status: 'cancelled' });
    expect(await all()).toEqual([100, 100, 75]);
    await user.api.post(`/tasks/${second!.id}/reopen`).expect(200);
    expect(await all()).toEqual([50, 50, 50]);
    await user.api.delete(`/tasks/${first!.id}`).expect(204);
    expect(await all()).toEqual([0, 0, 25]);
    await user.api.post(`/tasks/${first!.id}/restore`).expect(200);
    expect(await all()).toEqual([50, 50, 50]);
    await update(`/tasks/${second!.id}`, { goal_id: middle.id });
    expect(await all()).toEqual([100, 50, 50]); // middle: half 0 of 1 task, half 100
    await user.api.delete(`/tasks/${second!.id}?permanent=true`).expect(204);
    expect(await all()).toEqual([100, 100, 75]);
    await user.api.post(`/tasks/${first!.id}/undo`).expect(200); // back to the trash
    expect(await all()).toEqual([null, null, 50]);
  });

  it('is recomputed when subgoals are added, moved, cancelled and deleted', async () => {
    const [root, other] = [await newGoal(user), await newGoal(user)];
    const low = await newGoal(user, { parent_goal_id: root.id, progress: 20 });
    const high = await newGoal(user, { parent_goal_id: root.id, progress: 80 });
    const both = async () => [await progress(root.id), await progress(other.id)];
    expect(await both()).toEqual([50, null]);
    await update(`/goals/${high.id}`, { parent_goal_id: other.id });
    expect(await both()).toEqual([20, 80]);
    await update(`/goals/${low.id}`, { status: 'cancelled' });
    expect(await both()).toEqual([null, 80]);
    await user.api.post(`/goals/${low.id}/reopen`).expect(200);
    expect(await both()).toEqual([20, 80]);
    await user.api.delete(`/goals/${high.id}`).expect(204);
    expect(await both()).toEqual([20, null]);
  });

  it("the parent's progress ignores a goal deleted with its tasks", async () => {
    const root = await newGoal(user);
    const subgoal = await newGoal(user, { parent_goal_id: root.id });
    const [task] = await newTasks(subgoal.id, { completed: 1, pending: 1 });
    const subtask = await newTask(user, { parent_task_id: task!.id });
    expect(await progress(root.id)).toBe(50);
    await user.api.delete(`/goals/${subgoal.id}?tasks=trash`).expect(204);
    expect(await progress(root.id)).toBeNull();
    expect(await ids(user, '/tasks')).toEqual([]);
    expect(await ids(user, '/tasks?trashed=true')).toContain(subtask.id);
  });

  it('keeps a manual value until it is computed again', async () => {
    const { id } = await newGoal(user);
    await newTasks(id, { completed: 1, pending: 3 });
    const manual = (await update(`/goals/${id}`, { progress: 60 })).body as Json;
    expect(manual).toMatchObject({ progress: 60, progress_mode: 'manual' });
    await newTasks(id, { completed: 1 });
    expect(await progress(id)).toBe(60);
    expect((await update(`/goals/${id}`, { progress: null })).body).toMatchObject({
      progress: 40, // 2 of 5
      progress_mode: 'computed',
    });
    expect((await update(`/goals/${id}`, { progress_mode: 'manual' })).body).toMatchObject({ progress: 40 });
    await newTasks(id, { completed: 5 });
    expect(await progress(id)).toBe(40);
    expect((await update(`/goals/${id}`, { progress_mode: 'computed' })).body).toMatchObject({
      progress: 70,
    });
    expect((await update(`/goals/${id}`, { progress: null, progress_mode: 'manual' })).body).toMatchObject({
      progress: null,
      progress_mode: 'manual',
    });
    expect((await update(`/goals/${id}`, { progress: null })).body).toMatchObject({ progress: 70 });
    await user.api.patch(`/goals/${id}`, { progress: 1, progress_mode: 'computed' }).expect(422);
    await user.api.post('/goals', { title: 'x', progress: 1, progress_mode: 'computed' }).expect(422);
    await user.api.patch(`/goals/${id}`, { progress_mode: null }).expect(422);
  });

  it('is recorded in the history only if it changes the status or the user sets it', async () => {
    const root = await newGoal(user);
    const { id } = await newGoal(user, { parent_goal_id: root.id });
    await newGoal(user, { parent_goal_id: root.id, progress: 0 });
    const [task] = await newTasks(id, { pending: 1 });
    await user.api.post(`/tasks/${task!.id}/complete`).expect(200);
    const updatesOf = async (goalId: string) => {
      const { body } = await user.api.get(`/goals/${goalId}/history`).expect(200);
      return (body as { items: Json[] }).items.map(({ fields }) => fields).slice(0, -1);
    };
    const completedAt = (await getGoal(id)).completed_at;
    expect(await updatesOf(id)).toEqual([
      {
        progress: { old: 0, new: 100 },
        status: { old: 'active', new: 'completed' },
        completed_at: { old: null, new: completedAt },
      },
    ]);
    expect(await getGoal(root.id)).toMatchObject({ progress: 50, version: 3 });
    expect(await updatesOf(root.id)).toEqual([]);
    await user.api.patch(`/goals/${root.id}`, { progress: 70 }).expect(200);
    await user.api.patch(`/goals/${root.id}`, { progress: null }).expect(200);
    expect(await updatesOf(root.id)).toEqual([
      { progress: { old: 70, new: 50 }, progress_mode: { old: 'manual', new: 'computed' } },
      { progress: { old: 50, new: 70 }, progress_mode: { old: 'computed', new: 'manual' } },
    ]);
  });
});

describe('a progress of 100', () => {
  it('completes an active goal, which is active again when a task is reopened', async () => {
    const root = await newGoal(user);
    const subgoal = await newGoal(user, { parent_goal_id: root.id });
    const [task] = await newTasks(subgoal.id, { pending: 1 });
    await user.api.post(`/tasks/${task!.id}/complete`).expect(200);
    for (const { id } of [subgoal, root]) {
      const { status, completed_at, updated_at } = await getGoal(id);
      expect([status, completed_at]).toEqual(['completed', updated_at]);
    }
    await user.api.post(`/tasks/${task!.id}/reopen`).expect(200);
    for (const { id } of [subgoal, root]) {
      expect(await getGoal(id)).toMatchObject({ status: 'active', completed_at: null, progress: 0 });
    }
  });

  it('does not complete goals that are on hold, cancelled or manually reopened', async () => {
    const goals = [await newGoal(user, { status: 'on_hold' }), await newGoal(user, { status: 'cancelled' })];
    for (const { id, status } of goals) {
      await newTasks(id, { completed: 1 });
      expect(await getGoal(id)).toMatchObject({ status, progress: 100 });
    }
    const { id } = await newGoal(user);
    await newTasks(id, { completed: 1 });
    await user.api.post(`/goals/${id}/reopen`).expect(200);
    await newTasks(id, { completed: 1 });
    expect(await getGoal(id)).toMatchObject({ status: 'active', progress: 100 });
  });

  it('a manually completed goal stays completed below 100', async () => {
    const { id } = await newGoal(user);
    const [task] = await newTasks(id, { completed: 1, pending: 1 });
    await user.api.post(`/goals/${id}/complete`).expect(200);
    await user.api.post(`/tasks/${task!.id}/reopen`).expect(200);
    expect(await getGoal(id)).toMatchObject({ status: 'completed', progress: 0 });
  });

  it('completes a goal when it is set manually', async () => {
    const created = await newGoal(user, { progress: 100 });
    expect(created).toMatchObject({ status: 'completed', completed_at: created.created_at });
    expect((await update(`/goals/${created.id}`, { progress: 99.99 })).body).toMatchObject({
      status: 'active',
      completed_at: null,
    });
    expect((await update(`/goals/${created.id}`, { progress: 100 })).body).toMatchObject({
      status: 'completed',
    });
  });
});

it('progress is correct after many parallel changes', async () => {
  const root = await newGoal(user);
  const subgoals: Json[] = [];
  for (let n = 0; n < 4; n++) subgoals.push(await newGoal(user, { parent_goal_id: root.id }));
  const tasks = (await Promise.all(subgoals.map(({ id }) => newTasks(id, { pending: 10 })))).flat();
  // 7 of 10 tasks of each subgoal are completed, and 3 of these are moved to the next subgoal.
  const nextSubgoal = (task: Json) =>
    subgoals[(subgoals.findIndex(({ id }) => id === task.goal_id) + 1) % 4]!.id;
  await Promise.all(
    tasks.map(async (task, n) => {
      if (n % 10 < 7) await user.api.post(`/tasks/${task.id}/complete`).expect(200);
      if (n % 10 < 3) await update(`/tasks/${task.id}`, { goal_id: nextSubgoal(task) });
    }),
  );
  for (const { id } of subgoals) expect(await progress(id)).toBe(70);
  expect(await progress(root.id)).toBe(70);
});

it('progress is recomputed through a tree of 1,000 levels', async () => {
  const { rows } = await app.database.query<{ id: string }>(
    `WITH RECURSIVE level AS (
       SELECT gen_random_uuid() AS id, NULL::uuid AS above, 1 AS depth
       UNION ALL SELECT gen_random_uuid(), id, depth + 1 FROM level WHERE depth < 1000
     )
     INSERT INTO goals (user_id, id, parent_goal_id, title) SELECT $1, id, above, 'Level ' || depth FROM level
     RETURNING id`,
    [user.id],
  );
  const [top, bottom] = [rows[0]!.id, rows.at(-1)!.id];
  const [first] = await newTasks(bottom, { pending: 4 });
  await user.api.post(`/tasks/${first!.id}/complete`).expect(200);
  expect(await progress(top)).toBe(25);
  // Without the API client, whose validation of responses is recursive.
  const headers = { authorization: `Bearer ${user.access_token}` };
  const response = await fetch(`${app.url}/api/v1/goals/${top}/breakdown`, { headers });
  let node = (await response.json()) as { id: string; subgoals: (typeof node)[] };
  for (let depth = 1; depth < 1000; depth++) node = node.subgoals[0]!;
  expect(node).toMatchObject({ id: bottom, title: 'Level 1000', subgoals: [] });
});

describe('the breakdown of a goal', () => {
  const breakdown = async (id: string) =>
    (await user.api.get(`/goals/${id}/breakdown`).expect(200)).body as object;

  it('explains the progress of every goal in the tree', async () => {
    const root = await newGoal(user, { horizon: 'yearly', target_date: '2027-01-01' });
    const open = await newGoal(user, { parent_goal_id: root.id });
    const manual = await newGoal(user, { parent_goal_id: root.id, progress: 12.34 });
    const idle = await newGoal(user, { parent_goal_id: root.id });
    const dropped = await newGoal(user, { parent_goal_id: root.id, progress: 90, status: 'cancelled' });
    const deep = await newGoal(user, { parent_goal_id: open.id });
    await newTasks(root.id, { completed: 1, pending: 2, cancelled: 1 });
    await newTasks(deep.id, { completed: 2, pending: 1 });
    await newTasks(manual.id, { pending: 3 });
    const [trashed] = await newTasks(open.id, { pending: 1 });
    await user.api.delete(`/tasks/${trashed!.id}`).expect(204);
    await newTasks(await newGoal(user).then(({ id }) => id), { completed: 1 });

    const counts = (total: number, completed: number, cancelled: number) => ({ total, completed, cancelled });
    const fieldsOf = async ({ id }: Json) => {
      const { title, horizon, target_date, status, progress: value, progress_mode } = await getGoal(id);
      return { id, title, horizon, target_date, status, progress: value, progress_mode, omitted_subgoals: 0 };
    };
    const none = counts(0, 0, 0);
    // 1 of 3 tasks: 33.33; subgoals: (66.67 + 12.34) / 2 = 39.505; both: 36.4191…
    expect(await progress(root.id)).toBe(36.42);
    expect(await breakdown(root.id)).toEqual({
      ...(await fieldsOf(root)),
      tasks: counts(3, 1, 1),
      all_tasks: counts(9, 3, 1),
      contributions: [
        { from: 'tasks', progress: 33.33, weight: 50, points: 16.67 },
        { from: 'subgoal', id: open.id, progress: 66.67, weight: 25, points: 16.67 },
        { from: 'subgoal', id: manual.id, progress: 12.34, weight: 25, points: 3.09 },
      ],
      subgoals: [
        {
          ...(await fieldsOf(open)),
          tasks: none,
          all_tasks: counts(3, 2, 0),
          contributions: [{ from: 'subgoal', id: deep.id, progress: 66.67, weight: 100, points: 66.67 }],
          subgoals: [
            {
              ...(await fieldsOf(deep)),
              tasks: counts(3, 2, 0),
              all_tasks: counts(3, 2, 0),
              contributions: [{ from: 'tasks', progress: 66.67, weight: 100, points: 66.67 }],
              subgoals: [],
            },
          ],
        },
        {
          ...(await fieldsOf(manual)),
          tasks: counts(3, 0, 0),
          all_tasks: counts(3, 0, 0),
          contributions: [],
          subgoals: [],
        },
        { ...(await fieldsOf(idle)), tasks: none, all_tasks: none, contributions: [], subgoals: [] },
        { ...(await fieldsOf(dropped)), tasks: none, all_tasks: none, contributions: [], subgoals: [] },
      ],
    });
    expect(await breakdown(deep.id)).toMatchObject({ id: deep.id, subgoals: [] });
  });

  it('contains at most 1,000 goals, level by level, and counts the others', async () => {
    const root = await newGoal(user);
    const branch = await newGoal(user, { parent_goal_id: root.id });
    await app.database.query(
      `WITH subgoals AS (INSERT INTO goals (user_id, id, title, parent_goal_id, progress, progress_mode)
         SELECT $1, gen_random_uuid(), 'Subgoal ' || n, CASE WHEN n <= 900 THEN $2::uuid ELSE $3::uuid END, 50, 'manual'
         FROM generate_series(1, 1100) n RETURNING *)
       INSERT INTO tasks (user_id, id, title, goal_id) SELECT user_id, gen_random_uuid(), 'A task', id FROM subgoals`,
      [user.id, root.id, branch.id],
    );
    interface Node {
      id: string;
      subgoals: Node[];
      omitted_subgoals: number;
      all_tasks: object;
      contributions: unknown[];
    }
    const tree = (await breakdown(root.id)) as Node;
    const included = (node: Node): number => 1 + node.subgoals.reduce((sum, one) => sum + included(one), 0);
    expect(included(tree)).toBe(1000);
    expect(tree).toMatchObject({ omitted_subgoals: 0, all_tasks: { total: 1100 }, progress: 50 });
    expect([tree.subgoals.length, tree.contributions.length]).toEqual([901, 901]);
    const [first] = tree.subgoals;
    expect(first).toMatchObject({ id: branch.id, omitted_subgoals: 102, all_tasks: { total: 200 } });
    expect([first!.subgoals.length, first!.contributions.length]).toEqual([98, 200]);
    const own = (await breakdown(branch.id)) as Node;
    expect([own.subgoals.length, own.omitted_subgoals]).toEqual([200, 0]);
  });

  it('returns 404 for a goal of another user', async () => {
    const foreign = await newGoal(await newUser(app));
    const { body } = await user.api.get(`/goals/${foreign.id}/breakdown`).expect(404);
    expect(body).toMatchObject({ code: 'not_found' });
    await user.api.get('/goals/x/breakdown').expect(422);
  });
});
