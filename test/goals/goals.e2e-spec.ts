import { startApp, TestApp } from '../setup/app';
import { ids, Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => {
  app = await startApp();
  user = await newUser(app, { timezone: 'Europe/Berlin' });
});
afterAll(() => app.close());

const getGoal = async (id: string) => (await user.api.get(`/goals/${id}`).expect(200)).body as Json;

describe('goals', () => {
  it('are created with defaults and returned with every field', async () => {
    const fields = {
      horizon: 'Yearly',
      target_date: '2027-06-30',
      metrics: { chapters: 12, nested: { ä: [null, true, 'x'] } },
      progress: 12.5,
    };
    const { body } = await user.api
      .lenient()
      .post('/goals', { title: 'Publish a book', ...fields })
      .expect(201);
    expect(body).toEqual({
      id: expect.any(String) as string,
      title: 'Publish a book',
      description: null,
      horizon: 'yearly',
      target_date: '2027-06-30T21:59:59.999Z',
      status: 'active',
      progress: 12.5,
      progress_mode: 'manual',
      success_criteria: null,
      metrics: fields.metrics,
      parent_goal_id: null,
      project_name: null,
      completed_at: null,
      deleted_at: null,
      created_at: expect.stringMatching(/Z$/) as string,
      updated_at: (body as Json).created_at,
      version: 1,
    });
    expect(await getGoal((body as Json).id)).toEqual(body);
  });

  it.each(['patch', 'put'] as const)(
    'are updated by %s, which keeps absent fields and clears null fields',
    async (method) => {
      const goal = await newGoal(user, { horizon: 'weekly', metrics: { a: 1 }, success_criteria: 'done' });
      const api = user.api.lenient();
      const changes = { horizon: null, metrics: null, status: 'On Hold' };
      const { body } = await api[method](`/goals/${goal.id}`, changes).expect(200);
      const { updated_at } = body as Json;
      expect(body).toEqual({
        ...goal,
        horizon: null,
        metrics: null,
        status: 'on_hold',
        version: 2,
        updated_at,
      });
    },
  );

  it('are completed and reopened, and completed_at follows', async () => {
    const { id } = await newGoal(user);
    const completed = (await user.api.post(`/goals/${id}/complete`).expect(200)).body as Json;
    expect(completed).toMatchObject({ status: 'completed', completed_at: completed.updated_at });
    expect((await user.api.post(`/goals/${id}/complete`).expect(200)).body).toEqual(completed);
    const reopened = (await user.api.post(`/goals/${id}/reopen`).expect(200)).body as Json;
    expect(reopened).toMatchObject({ status: 'active', completed_at: null });
    const { body } = await user.api.patch(`/goals/${id}`, { status: 'completed' }).expect(200);
    expect((body as Json).completed_at).toBe((body as Json).updated_at);
  });

  it('list their tasks with the filters of the task list', async () => {
    const [goal, empty] = [await newGoal(user), await newGoal(user)];
    const first = await newTask(user, { goal_id: goal.id, status: 'completed' });
    const second = await newTask(user, { goal_id: goal.id });
    const trashed = await newTask(user, { goal_id: goal.id });
    await newTask(user);
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    expect(await ids(user, `/goals/${goal.id}/tasks`)).toEqual([second.id, first.id]);
    expect(await ids(user, `/goals/${goal.id}/tasks?status=completed`)).toEqual([first.id]);
    expect(await ids(user, `/goals/${goal.id}/tasks?trashed=true`)).toEqual([trashed.id]);
    expect(await ids(user, `/goals/${empty.id}/tasks`)).toEqual([]);
    await user.api.get(`/goals/${first.id}/tasks`).expect(404);
    const page = (await user.api.get(`/goals/${goal.id}/tasks?limit=1&include=total`).expect(200)).body as {
      next_cursor: string;
    };
    expect(page).toMatchObject({ total: 2 });
    expect(await ids(user, `/goals/${goal.id}/tasks?limit=1&cursor=${page.next_cursor}`)).toEqual([first.id]);
    await user.api.get(`/goals/${goal.id}/tasks?goal_id=${goal.id}`).expect(422);
  });

  describe('deleting a goal', () => {
    it.each(['', '?permanent=true'])('%s unlinks its tasks and subgoals', async (query) => {
      const goal = await newGoal(user);
      const subgoal = await newGoal(user, { parent_goal_id: goal.id });
      const task = await newTask(user, { goal_id: goal.id });
      await user.api.delete(`/goals/${goal.id}${query}`).expect(204);
      await user.api.get(`/goals/${goal.id}`).expect(404);
      await user.api.delete(`/goals/${goal.id}${query}`).expect(404);
      expect(await getGoal(subgoal.id)).toMatchObject({ parent_goal_id: null, version: 2 });
      const { body } = await user.api.get(`/tasks/${task.id}`).expect(200);
      expect(body).toMatchObject({ goal_id: null, version: 2 });
    });

    it('with tasks=trash moves its tasks to the trash', async () => {
      const owner = await newUser(app);
      const [goal, other] = [await newGoal(owner), await newGoal(owner)];
      const [task, kept] = [
        await newTask(owner, { goal_id: goal.id }),
        await newTask(owner, { goal_id: other.id }),
      ];
      await owner.api.delete(`/goals/${goal.id}?tasks=burn`).expect(422);
      await owner.api.delete(`/goals/${goal.id}?tasks=trash`).expect(204);
      await owner.api.delete(`/goals/${goal.id}?tasks=trash`).expect(404);
      expect(await ids(owner, '/tasks')).toEqual([kept.id]);
      expect(await ids(owner, '/tasks?trashed=true')).toEqual([task.id]);
      expect((await owner.api.post(`/tasks/${task.id}/restore`).expect(200)).body).toMatchObject({
        goal_id: null,
      });
    });

    it('while tasks are added to it leaves none with a dangling link', async () => {
      const owner = await newUser(app);
      const goal = await newGoal(owner);
      const additions = Array.from({ length: 20 }, () =>
        owner.api.post('/tasks', { title: 'x', goal_id: goal.id }),
      );
      const [removal, ...added] = await Promise.all([owner.api.delete(`/goals/${goal.id}`), ...additions]);
      expect(removal.status).toBe(204);
      for (const { status } of added) expect([201, 404]).toContain(status);
      expect(await ids(owner, `/tasks?goal_id=${goal.id}`)).toEqual([]);
      expect((await ids(owner, '/tasks?goal_id=none')).length).toBe(
        added.filter(({ status }) => status === 201).length,
      );
    });
  });

  describe('in the trash', () => {
    const getTask = async (id: string) => (await user.api.get(`/tasks/${id}`).expect(200)).body as Json;
    const trash = (id: string, query = '') => user.api.delete(`/goals/${id}${query}`).expect(204);
    const restore = async (id: string) =>
      (await user.api.post(`/goals/${id}/restore`).expect(200)).body as Json;
    const update = (path: string, fields: object) => user.api.patch(path, fields).expect(200);
    const trashedIds = () => ids(user, '/goals?trashed=true&sort=-deleted_at');

    it('are found only in the list of the trash, in their history, and to be restored or deleted', async () => {
      const owner = await newUser(app);
      const [goal, other] = [await newGoal(owner), await newGoal(owner)];
      const task = await newTask(owner);
      await owner.api.delete(`/goals/${goal.id}`).expect(204);
      const trashed = (await owner.api.get('/goals?trashed=true&include=total').expect(200)).body as Json;
      const shown = { ...goal, deleted_at: expect.any(String) as string, version: 2 };
      expect(trashed).toEqual({
        items: [{ ...shown, updated_at: expect.any(String) as string }],
        next_cursor: null,
        total: 1,
      });
      expect(await ids(owner, '/goals')).toEqual([other.id]);
      expect((await owner.api.get('/goals/summary').expect(200)).body).toMatchObject({ total: 1 });
      expect((await owner.api.get('/analytics/goals').expect(200)).body).toMatchObject({
        created: 1,
        active: 1,
      });
      const { active_goals } = (await owner.api.get('/dashboard').expect(200)).body as Json;
      expect(active_goals).toMatchObject({ count: 1, items: [{ id: other.id }] });
      for (const call of [
        () => owner.api.get(`/goals/${goal.id}`),
        () => owner.api.get(`/goals/${goal.id}/tasks`),
        () => owner.api.get(`/goals/${goal.id}/breakdown`),
        () => owner.api.patch(`/goals/${goal.id}`, { title: 'x' }),
        () => owner.api.post(`/goals/${goal.id}/complete`),
        () => owner.api.post(`/goals/${goal.id}/reopen`),
        () => owner.api.delete(`/goals/${goal.id}`),
        () => owner.api.post(`/goals/${other.id}/restore`),
        () => owner.api.post('/tasks', { title: 'x', goal_id: goal.id }),
        () => owner.api.patch(`/tasks/${task.id}`, { goal_id: goal.id }),
        () => owner.api.post('/goals', { title: 'x', parent_goal_id: goal.id }),
        () => owner.api.patch(`/goals/${other.id}`, { parent_goal_id: goal.id }),
      ]) {
        const { body } = await call().expect(404);
        expect(body).toMatchObject({ code: 'not_found', detail: 'There is no goal with this id.' });
      }
      const { items } = (await owner.api.get(`/goals/${goal.id}/history`).expect(200)).body as {
        items: { fields: object }[];
      };
      expect(items[0]!.fields).toEqual({ deleted_at: { old: null, new: expect.any(String) as string } });
      const { body } = await owner.api.post(`/goals/${goal.id}/restore`).expect(200);
      expect(body).toEqual({ ...goal, updated_at: expect.any(String) as string, version: 3 });
      await owner.api.post(`/goals/${goal.id}/restore`).expect(404);
    });

    it('get back their subgoals and tasks, except those that were linked elsewhere since', async () => {
      const [root, goal, other] = [await newGoal(user), await newGoal(user), await newGoal(user)];
      await update(`/goals/${goal.id}`, { parent_goal_id: root.id });
      const subgoals = await Promise.all(
        Array.from({ length: 4 }, () => newGoal(user, { parent_goal_id: goal.id })),
      );
      const tasks = await Promise.all(Array.from({ length: 6 }, () => newTask(user, { goal_id: goal.id })));
      const [kept, moved, movedBack, trashedSubgoal] = subgoals.map(({ id }) => id);
      const [keptTask, movedTask, movedBackTask, trashedTask, deletedTask, renamedTask] = tasks.map(
        ({ id }) => id,
      );
      // An earlier operation does not matter.
      await trash(goal.id);
      await restore(goal.id);
      await user.api.delete(`/tasks/${trashedTask}`).expect(204);
      await trash(goal.id);
      for (const { id } of subgoals) expect(await getGoal(id)).toMatchObject({ parent_goal_id: null });
      expect(await getTask(keptTask!)).toMatchObject({ goal_id: null, version: 4 });

      await update(`/goals/${moved}`, { parent_goal_id: other.id });
      await update(`/goals/${movedBack}`, { parent_goal_id: other.id });
      await update(`/goals/${movedBack}`, { parent_goal_id: null });
      await trash(trashedSubgoal!);
      await update(`/tasks/${movedTask}`, { goal_id: other.id });
      await update(`/tasks/${movedBackTask}`, { goal_id: other.id });
      await update(`/tasks/${movedBackTask}`, { goal_id: null });
      await user.api.delete(`/tasks/${deletedTask}?permanent=true`).expect(204);
      await update(`/tasks/${renamedTask}`, { title: 'Renamed' });

      expect(await restore(goal.id)).toMatchObject({ parent_goal_id: root.id, deleted_at: null });
      expect(await ids(user, `/goals?parent_goal_id=${goal.id}`)).toEqual([kept]);
      expect(await ids(user, `/goals?parent_goal_id=${goal.id}&trashed=true`)).toEqual([trashedSubgoal]);
      expect(await ids(user, `/goals/${goal.id}/tasks`)).toEqual([keptTask, renamedTask].sort().reverse());
      expect(await getTask(keptTask!)).toMatchObject({ version: 5 });
      expect(await ids(user, `/goals/${goal.id}/tasks?trashed=true`)).toEqual([trashedTask]);
      expect(await restore(trashedSubgoal!)).toMatchObject({ parent_goal_id: goal.id });
      expect(await getGoal(moved!)).toMatchObject({ parent_goal_id: other.id });
      expect(await getGoal(movedBack!)).toMatchObject({ parent_goal_id: null });
      // If the parent is moved to the trash or deleted, the goal in the trash loses it too.
      await trash(goal.id);
      await trash(root.id);
      await user.api.delete(`/goals/${root.id}?permanent=true`).expect(204);
      expect(await restore(goal.id)).toMatchObject({ parent_goal_id: null });
    });

    it('are restored together with the tasks that were moved to the trash with them', async () => {
      const [goal, other] = [await newGoal(user), await newGoal(user)];
      const root = await newTask(user);
      const [task, below, earlier, restored] = [
        await newTask(user, { goal_id: goal.id }),
        await newTask(user, { goal_id: goal.id, parent_task_id: root.id }),
        await newTask(user, { goal_id: goal.id }),
        await newTask(user, { goal_id: goal.id }),
      ];
      const subtask = await newTask(user, { goal_id: other.id, parent_task_id: task.id });
      await user.api.delete(`/tasks/${earlier.id}`).expect(204);
      // In one transaction, other operations have timestamps of their own.
      const alone = await newTask(user);
      await trash(goal.id, '?tasks=trash');
      await user.api.delete(`/tasks/${alone.id}`).expect(204);
      for (const { id } of [task, subtask, below, restored]) await user.api.get(`/tasks/${id}`).expect(404);
      expect((await user.api.post(`/tasks/${restored.id}/restore`).expect(200)).body).toMatchObject({
        goal_id: null,
      });
      await user.api.delete(`/tasks/${root.id}`).expect(204);
      await restore(goal.id);
      expect(await getTask(task.id)).toMatchObject({ goal_id: goal.id, deleted_at: null });
      expect(await getTask(subtask.id)).toMatchObject({ goal_id: other.id, parent_task_id: task.id });
      expect(await getTask(restored.id)).toMatchObject({ goal_id: goal.id });
      // Its parent is in the trash; one of the others was moved there before, the other one after it.
      for (const { id } of [below, earlier, alone]) await user.api.get(`/tasks/${id}`).expect(404);
      await user.api.post(`/tasks/${root.id}/restore`).expect(200);
      expect((await user.api.post(`/tasks/${below.id}/restore`).expect(200)).body).toMatchObject({
        goal_id: goal.id,
      });
    });

    it('can be restored when their parent is now below one of their former subgoals', async () => {
      const root = await newGoal(user);
      const goal = await newGoal(user, { parent_goal_id: root.id });
      const [above, leaf] = [
        await newGoal(user, { parent_goal_id: goal.id }),
        await newGoal(user, { parent_goal_id: goal.id }),
      ];
      await trash(goal.id);
      await update(`/goals/${root.id}`, { parent_goal_id: above.id });
      expect(await restore(goal.id)).toMatchObject({ parent_goal_id: root.id });
      expect(await getGoal(above.id)).toMatchObject({ parent_goal_id: null });
      expect(await getGoal(leaf.id)).toMatchObject({ parent_goal_id: goal.id });
    });

    it('keep their progress, which does not count for their parent', async () => {
      const root = await newGoal(user);
      const goal = await newGoal(user, { parent_goal_id: root.id });
      await newGoal(user, { parent_goal_id: root.id, progress: 40 });
      const task = await newTask(user, { goal_id: goal.id, status: 'completed' });
      const completed = await getGoal(goal.id);
      expect(completed).toMatchObject({ progress: 100, status: 'completed' });
      expect(await getGoal(root.id)).toMatchObject({ progress: 70, version: 3 });
      await trash(goal.id);
      expect(await getGoal(root.id)).toMatchObject({ progress: 40, version: 4 });
      await update(`/tasks/${task.id}`, { status: 'pending' });
      await update(`/tasks/${task.id}`, { status: 'completed' });
      const [trashed] = (
        (await user.api.get('/goals?trashed=true&sort=-deleted_at&limit=1')).body as {
          items: Json[];
        }
      ).items;
      expect(trashed).toMatchObject({ id: goal.id, progress: 100, status: 'completed' });
      expect(await restore(goal.id)).toMatchObject({ progress: 100, completed_at: completed.completed_at });
      expect(await getGoal(root.id)).toMatchObject({ progress: 70, version: 5 });
      await trash(goal.id);
      await user.api.delete(`/tasks/${task.id}?permanent=true`).expect(204);
      expect(await getGoal(root.id)).toMatchObject({ progress: 40, version: 6 });
      expect(await restore(goal.id)).toMatchObject({ progress: null, status: 'active' });
      // It was computed before the root was, which therefore has not changed in between.
      expect(await getGoal(root.id)).toMatchObject({ progress: 40, version: 6 });
    });

    it('can be deleted permanently, as others can', async () => {
      const [trashed, live] = [await newGoal(user), await newGoal(user)];
      const [first, second] = [
        await newTask(user, { goal_id: trashed.id }),
        await newTask(user, { goal_id: live.id }),
      ];
      await trash(trashed.id);
      expect(await trashedIds()).toContain(trashed.id);
      for (const { id } of [trashed, live]) {
        await user.api.delete(`/goals/${id}?permanent=true&tasks=trash`).expect(204);
        await user.api.delete(`/goals/${id}?permanent=true`).expect(404);
        await user.api.post(`/goals/${id}/restore`).expect(404);
      }
      expect(await trashedIds()).not.toContain(trashed.id);
      expect(await getTask(first.id)).toMatchObject({ goal_id: null });
      await user.api.get(`/tasks/${second.id}`).expect(404);
    });

    it('have timestamps of their own, also in one transaction', async () => {
      const owner = await newUser(app);
      const goals = [await newGoal(owner), await newGoal(owner), await newGoal(owner)];
      const task = await newTask(owner, { goal_id: goals[0]!.id });
      await owner.api
        .post('/goals/batch', { operations: goals.map(({ id }) => ({ op: 'delete', id })) })
        .expect(200);
      const { items } = (await owner.api.get('/goals?trashed=true').expect(200)).body as { items: Json[] };
      expect(new Set(items.map(({ deleted_at }) => deleted_at)).size).toBe(3);
      await owner.api.post(`/goals/${goals[0]!.id}/restore`).expect(200);
      expect(await ids(owner, `/tasks?goal_id=${goals[0]!.id}`)).toEqual([task.id]);
    });
  });

  it('are created, updated and deleted in batches', async () => {
    const owner = await newUser(app);
    const goals = await Promise.all(Array.from({ length: 5 }, () => newGoal(owner)));
    const [updated, completed, reopened, deleted, restored] = goals.map(({ id }) => id);
    const other = await newGoal(await newUser(app));
    await owner.api.delete(`/goals/${restored}`).expect(204);
    const batch = (operations: object[], mode?: string) =>
      owner.api.lenient().post('/goals/batch', { mode, operations });
    const all = await batch([
      { op: 'create', data: { title: ' New ', horizon: 'Weekly', parent_goal_id: updated } },
      { op: 'update', id: updated, data: { progress: 40 } },
      { op: 'complete', id: completed },
      { op: 'reopen', id: reopened },
      { op: 'delete', id: deleted },
      { op: 'restore', id: restored },
    ]).expect(200);
    expect((all.body as { items: object[] }).items).toMatchObject([
      { status: 201, data: { title: 'New', horizon: 'weekly', parent_goal_id: updated } },
      { status: 200, data: { id: updated, progress: 40, progress_mode: 'manual' } },
      { status: 200, data: { id: completed, status: 'completed' } },
      { status: 200, data: { id: reopened, status: 'active' } },
      { index: 4, status: 204 },
      { status: 200, data: { id: restored, deleted_at: null } },
    ]);
    const before = await ids(owner, '/goals');
    for (const [operation, status, code] of [
      [{ op: 'complete', id: other.id }, 404, 'not_found'],
      [{ op: 'update', id: updated, data: { parent_goal_id: updated } }, 409, 'cycle'],
      [
        { op: 'update', id: updated, data: { progress: 1, progress_mode: 'computed' } },
        422,
        'validation_failed',
      ],
      [{ op: 'complete', id: updated, force: true }, 422, 'validation_failed'],
    ] as const) {
      const { body } = await batch([{ op: 'create', data: { title: 'Never' } }, operation]).expect(status);
      expect(body).toMatchObject({ code, detail: expect.stringMatching(/^Operation 1 failed: /) as string });
    }
    expect(await ids(owner, '/goals')).toEqual(before);
    const partial = await batch(
      [
        { op: 'complete', id: other.id },
        { op: 'delete', id: updated },
      ],
      'partial',
    );
    expect(partial.status).toBe(207);
    expect((partial.body as { items: object[] }).items).toMatchObject([
      { status: 404, problem: { code: 'not_found', instance: '/api/v1/goals/batch#0' } },
      { status: 204 },
    ]);
  });

  describe('the goal hierarchy', () => {
    it('refuses cycles', async () => {
      const [a, b, c] = [await newGoal(user), await newGoal(user), await newGoal(user)];
      await user.api.patch(`/goals/${b.id}`, { parent_goal_id: a.id }).expect(200);
      await user.api.patch(`/goals/${c.id}`, { parent_goal_id: b.id }).expect(200);
      for (const parent of [a, b, c]) {
        const { body } = await user.api.patch(`/goals/${a.id}`, { parent_goal_id: parent.id }).expect(409);
        expect(body).toMatchObject({ code: 'cycle' });
      }
      expect(await getGoal(a.id)).toEqual(a);
    });

    it('has no cycle after two goals are moved below each other in parallel', async () => {
      for (let round = 0; round < 20; round++) {
        const [a, b] = [await newGoal(user), await newGoal(user)];
        const responses = await Promise.all([
          user.api.patch(`/goals/${a.id}`, { parent_goal_id: b.id }),
          user.api.patch(`/goals/${b.id}`, { parent_goal_id: a.id }),
        ]);
        expect(responses.map(({ status }) => status).sort()).toEqual([200, 409]);
      }
    });

    it('has no cycle after 500 parallel moves', async () => {
      const goals = await Promise.all(Array.from({ length: 10 }, () => newGoal(user)));
      const moves = Array.from({ length: 500 }, (_, i) => {
        const parent = goals[(i * 7 + Math.floor(i / 10) + 1) % 10]!;
        return user.api.patch(`/goals/${goals[i % 10]!.id}`, { parent_goal_id: parent.id });
      });
      const statuses = (await Promise.all(moves)).map(({ status }) => status);
      for (const status of statuses) expect([200, 409, 422]).toContain(status);
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(10);
      const { rows } = await app.database.query(
        `WITH RECURSIVE up (start, id) AS (
         SELECT id, parent_goal_id FROM goals WHERE user_id = $1
         UNION SELECT u.start, g.parent_goal_id FROM up u JOIN goals g ON g.user_id = $1 AND g.id = u.id
       ) SELECT start FROM up WHERE start = id`,
        [user.id],
      );
      expect(rows).toEqual([]);
    });

    it('contains goals of one user only', async () => {
      const other = await newUser(app);
      const [goal, foreign] = [await newGoal(user), await newGoal(other)];
      await user.api.post('/goals', { title: 'x', parent_goal_id: foreign.id }).expect(404);
      await user.api.patch(`/goals/${goal.id}`, { parent_goal_id: foreign.id }).expect(404);
      expect(await getGoal(goal.id)).toEqual(goal);
    });
  });

  it('can be filtered and sorted in lists', async () => {
    const owner = await newUser(app, { timezone: 'Europe/Berlin' });
    const year = await newGoal(owner, {
      title: 'Year',
      horizon: 'yearly',
      target_date: '2027-12-31',
      project_name: 'p',
    });
    const month = await newGoal(owner, {
      title: 'Month',
      horizon: 'monthly',
      target_date: '2026-12-31',
      parent_goal_id: year.id,
    });
    const none = await newGoal(owner, {
      title: 'Someday',
      status: 'on_hold',
      description: '100% sure_thing',
    });
    const list = (query: string) => ids(owner, `/goals?${query}`);
    expect(await list('')).toEqual([none.id, month.id, year.id]);
    expect(await list('status=active')).toEqual([month.id, year.id]);
    expect(await list('status=on_hold,completed')).toEqual([none.id]);
    expect(await list('horizon=monthly,yearly')).toEqual([month.id, year.id]);
    expect(await list('horizon=none')).toEqual([none.id]);
    expect(await list('parent_goal_id=none')).toEqual([none.id, year.id]);
    expect(await list(`parent_goal_id=${year.id}`)).toEqual([month.id]);
    expect(await list('project_name=p')).toEqual([year.id]);
    expect(await list('target_date=none')).toEqual([none.id]);
    expect(await list('target_from=2027-01-01')).toEqual([year.id]);
    expect(await list('target_before=2027-01-01')).toEqual([month.id]);
    expect(await list('target_from=2026-12-31&target_before=2027-01-01')).toEqual([month.id]);
    expect(await list('q=100%25')).toEqual([none.id]);
    expect(await list('q=SURE_')).toEqual([none.id]);
    expect(await list('q=some_ay')).toEqual([]);
    expect(await list('q=%22100%25 sure_thing%22 -year')).toEqual([none.id]);
    expect(await list('q=s&sort=relevance')).toEqual([none.id]);
    expect(await list('sort=target_date')).toEqual([month.id, year.id, none.id]);
    expect(await list('sort=-target_date')).toEqual([year.id, month.id, none.id]);
    expect(await list('sort=-title')).toEqual([year.id, none.id, month.id]);
  });
});
