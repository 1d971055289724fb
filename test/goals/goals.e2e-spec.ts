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
    it('unlinks its tasks and subgoals', async () => {
      const goal = await newGoal(user);
      const subgoal = await newGoal(user, { parent_goal_id: goal.id });
      const task = await newTask(user, { goal_id: goal.id });
      await user.api.delete(`/goals/${goal.id}`).expect(204);
      await user.api.get(`/goals/${goal.id}`).expect(404);
      await user.api.delete(`/goals/${goal.id}`).expect(404);
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
    expect(await list('q=0%25')).toEqual([none.id]);
    expect(await list('q=SURE_')).toEqual([none.id]);
    expect(await list('q=some_ay')).toEqual([]);
    expect(await list('sort=target_date')).toEqual([month.id, year.id, none.id]);
    expect(await list('sort=-target_date')).toEqual([year.id, month.id, none.id]);
    expect(await list('sort=-title')).toEqual([year.id, none.id, month.id]);
  });
});
