import { startApp, TestApp } from '../setup/app';
import { newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
let user: TestUser;
beforeAll(async () => (app = await startApp()));
beforeEach(async () => (user = await newUser(app)));
afterAll(() => app.close());

const summary = async (path: string) => (await user.api.get(path).expect(200)).body as object;

const noTasks = {
  total: 0,
  by_status: { pending: 0, in_progress: 0, blocked: 0, completed: 0, cancelled: 0 },
  by_priority: { 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 },
  by_category: {},
  overdue: 0,
};

describe('summaries', () => {
  it('of tasks count them by status, priority and category, and overdue ones', async () => {
    expect(await summary('/tasks/summary')).toEqual(noTasks);
    const past = '2020-01-01T00:00:00Z';
    await newTask(user, { priority: 1, category: 'writing', due_date: past });
    await newTask(user, {
      priority: 1,
      category: 'writing',
      status: 'in_progress',
      due_date: '2999-01-01T00:00:00Z',
    });
    await newTask(user, { category: 'Writing', status: 'completed', due_date: past });
    await newTask(user, { status: 'cancelled', due_date: past });
    await newTask(user, { status: 'blocked', due_date: past, category: '__proto__' });
    const trashed = await newTask(user, { category: 'trash', due_date: past });
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    const expected = JSON.parse(`{
    "total": 5,
    "by_status": {"pending": 1, "in_progress": 1, "blocked": 1, "completed": 1, "cancelled": 1},
    "by_priority": {"1": 2, "2": 0, "3": 3, "4": 0, "5": 0},
    "by_category": {"writing": 2, "Writing": 1, "none": 1, "__proto__": 1},
    "overdue": 2
  }`) as object;
    const { text } = await user.api.get(`/users/${user.id}/tasks/summary`).expect(200);
    expect(JSON.parse(text)).toEqual(expected);
  });

  it('of goals count them by status and horizon, with their average progress', async () => {
    expect(await summary('/goals/summary')).toEqual({
      total: 0,
      by_status: { active: 0, completed: 0, on_hold: 0, cancelled: 0 },
      by_horizon: { yearly: 0, quarterly: 0, monthly: 0, weekly: 0, none: 0 },
      average_progress: null,
      nearly_done: 0,
    });
    await newGoal(user, { horizon: 'yearly', progress: 80 });
    await newGoal(user, { horizon: 'yearly', progress: 79.99 });
    await newGoal(user, { horizon: 'weekly', progress: 0 });
    await newGoal(user);
    await newGoal(user, { status: 'on_hold', progress: 90 });
    await newGoal(user, { status: 'completed', progress: 100 });
    expect(await summary(`/users/${user.id}/goals/summary`)).toEqual({
      total: 6,
      by_status: { active: 4, completed: 1, on_hold: 1, cancelled: 0 },
      by_horizon: { yearly: 2, quarterly: 0, monthly: 0, weekly: 1, none: 3 },
      average_progress: 53.33, // (80 + 79.99 + 0) / 3
      nearly_done: 1,
    });
  });

  it('count no rows of other users', async () => {
    const other = await newUser(app);
    await newTask(other, { category: 'theirs' });
    await newGoal(other, { horizon: 'weekly' });
    expect(await summary('/tasks/summary')).toEqual(noTasks);
    expect(await summary('/goals/summary')).toMatchObject({ total: 0 });
    await user.api.get(`/users/${other.id}/tasks/summary`).expect(403);
    await user.api.get('/tasks/summary?status=pending').expect(422);
  });
});
