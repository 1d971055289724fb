import { startApp, TestApp } from '../setup/app';
import { Json, newGoal, newTask, newUser, TestUser } from '../setup/factories';

let app: TestApp;
beforeAll(async () => (app = await startApp()));
afterAll(() => app.close());

const [hour, day] = [3_600_000, 86_400_000];

/** A time zone in which it is about noon, so that the day does not end during the test. */
const ahead = 12 - new Date().getUTCHours();
const noonZone = ahead === 0 ? 'UTC' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
const today = date(Date.now() + ahead * hour);

function date(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function plusDays(from: string, days: number): string {
  return date(Date.parse(from) + days * day);
}

const monday = plusDays(today, -((new Date(today).getUTCDay() + 6) % 7));
/** The timestamp of noon in that time zone. */
const noonOf = (local: string) => new Date(Date.parse(local) + (12 - ahead) * hour).toISOString();

const get = async (user: TestUser, path: string) => (await user.api.get(path).expect(200)).body as Json;

/** Creates a task that was completed at this time, and created so many hours before. */
async function newCompletedTask(user: TestUser, when: string, hours = 1, fields: object = {}): Promise<Json> {
  const task = await newTask(user, { ...fields, status: 'completed' });
  await app.database.query(
    `UPDATE tasks SET completed_at = $2, created_at = $2::timestamptz - $3 * interval '1 hour' WHERE id = $1`,
    [task.id, when, hours],
  );
  return task;
}

describe('the dashboard', () => {
  interface Section {
    count: number;
    items: Json[];
  }
  const summaryOf = ({ count, items }: Section) => [count, items.map(({ title }) => title)];

  it('has empty sections for a new user', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const nothing = { count: 0, items: [] };
    expect(await get(user, '/dashboard')).toEqual({
      timezone: noonZone,
      today,
      overdue: nothing,
      due_today: nothing,
      due_this_week: nothing,
      in_progress: nothing,
      blocked: nothing,
      recently_completed: nothing,
      active_goals: nothing,
      goals_at_risk: nothing,
      velocity: { days: 30, completed: 0, average_per_day: 0 },
    });
  });

  it('lists tasks by due date in the days of the user’s time zone', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const due = (title: string, dueDate: string, fields: object = {}) =>
      newTask(user, { title, due_date: dueDate, ...fields });
    await due('last sunday', plusDays(monday, -1));
    await due('monday', monday);
    await due('sunday', plusDays(monday, 6));
    await due('next monday', plusDays(monday, 7));
    await due('this morning', new Date(Date.parse(noonOf(today)) - 12 * hour).toISOString());
    await due('today', today);
    await due('done', plusDays(monday, -1), { status: 'completed' });
    await due('dropped', today, { status: 'cancelled' });
    const trashed = await due('trashed', today);
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    await due('of another', today).then(({ id }) =>
      user.api.delete(`/tasks/${id}?permanent=true`).expect(204),
    );
    await newTask(await newUser(app, { timezone: noonZone }), { title: 'foreign', due_date: today });

    const dashboard = (await get(user, '/dashboard')) as Json & Record<string, Section>;
    const isPast = (local: string) => local < today;
    expect(summaryOf(dashboard.due_today!)).toEqual(
      // A plain date is due at the end of its day.
      monday === today
        ? [3, ['this morning', 'monday', 'today']]
        : plusDays(monday, 6) === today
          ? [3, ['this morning', 'sunday', 'today']]
          : [2, ['this morning', 'today']],
    );
    expect(summaryOf(dashboard.overdue!)).toEqual(
      isPast(monday) ? [3, ['last sunday', 'monday', 'this morning']] : [2, ['last sunday', 'this morning']],
    );
    expect(dashboard.due_this_week!.items.map(({ title }) => title).sort()).toEqual([
      'monday',
      'sunday',
      'this morning',
      'today',
    ]);
    const [task] = dashboard.due_today!.items;
    expect(task).toEqual(await get(user, `/tasks/${task!.id}`));
  });

  it('lists tasks in progress, tasks blocked by status or dependency, and recently completed tasks', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const needed = await newTask(user, { title: 'needed', status: 'in_progress' });
    const waiting = await newTask(user, { title: 'waiting' });
    const started = await newTask(user, { title: 'started', status: 'in_progress' });
    await newTask(user, { title: 'blocked', status: 'blocked' });
    const closed = await newTask(user, { title: 'closed' });
    for (const { id } of [waiting, closed]) {
      await user.api.put(`/tasks/${id}/dependencies/${needed.id}`).expect(204);
    }
    await user.api.post(`/tasks/${closed.id}/complete?force=true`).expect(200);
    await user.api.put(`/tasks/${started.id}/dependencies/${closed.id}`).expect(204);
    await newCompletedTask(user, noonOf(plusDays(today, -6)), 1, { title: 'within' });
    await newCompletedTask(user, noonOf(plusDays(today, -7)), 1, { title: 'before' });
    await newCompletedTask(user, noonOf(plusDays(today, -29)), 1, { title: 'long before' });
    await newCompletedTask(user, noonOf(plusDays(today, -30)), 1, { title: 'too long before' });
    const dashboard = (await get(user, '/dashboard')) as Json & Record<string, Section>;
    expect(summaryOf(dashboard.in_progress!)).toEqual([2, ['started', 'needed']]);
    expect(summaryOf(dashboard.blocked!)).toEqual([2, ['blocked', 'waiting']]);
    expect(summaryOf(dashboard.recently_completed!)).toEqual([2, ['closed', 'within']]);
    expect(dashboard.velocity).toEqual({ days: 30, completed: 4, average_per_day: 0.13 });
  });

  it('lists active goals and goals at risk', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const goal = (title: string, days: number | null, fields: object = {}) =>
      newGoal(user, { title, target_date: days === null ? null : plusDays(today, days), ...fields });
    await goal('someday', null, { progress: 5 });
    await goal('near, well under way', 5, { progress: 20 });
    await goal('near, hardly begun', 30, { progress: 19.99 });
    await goal('near, not begun', 3);
    await goal('far', 31, { progress: 0 });
    await goal('past', -3, { progress: 10 });
    await goal('paused', 3, { status: 'on_hold' });
    await goal('done', 3, { status: 'completed' });
    const dashboard = (await get(user, '/dashboard')) as Json & Record<string, Section>;
    expect(summaryOf(dashboard.active_goals!)).toEqual([
      6,
      ['past', 'near, not begun', 'near, well under way', 'near, hardly begun', 'far', 'someday'],
    ]);
    expect(summaryOf(dashboard.goals_at_risk!)).toEqual([
      3,
      ['past', 'near, not begun', 'near, hardly begun'],
    ]);
    const [past] = dashboard.active_goals!.items;
    expect(past).toEqual(await get(user, `/goals/${past!.id}`));
  });

  it('counts all items of a section and shows ten', async () => {
    const user = await newUser(app);
    for (let n = 0; n < 12; n++) await newTask(user, { status: 'in_progress', title: `Task ${n}` });
    const { in_progress } = (await get(user, '/dashboard')) as Json & { in_progress: Section };
    expect([in_progress.count, in_progress.items.length]).toEqual([12, 10]);
    expect(in_progress.items[0]).toMatchObject({ title: 'Task 11' });
  });
});

describe('analytics', () => {
  const period = (days: number) => ({ timezone: noonZone, days, from: plusDays(today, 1 - days), to: today });

  it('of tasks counts created and completed tasks, on time or late, with average durations', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const fields = { category: 'a', priority: 1, estimated_hours: 2, actual_hours: 3.5 };
    await newCompletedTask(user, noonOf(today), 2, { ...fields, due_date: today }); // on time
    await newCompletedTask(user, noonOf(plusDays(today, -6)), 5, {
      ...fields,
      due_date: plusDays(today, -7),
    }); // late
    await newCompletedTask(user, noonOf(plusDays(today, -6)), 24 * 30, { priority: 5, estimated_hours: 9 });
    await newCompletedTask(user, noonOf(plusDays(today, -7)), 1, { due_date: today }); // before
    await newTask(user);
    await newTask(user, { status: 'cancelled' });
    const trashed = await newTask(user, { status: 'completed' });
    await user.api.delete(`/tasks/${trashed.id}`).expect(204);
    expect(await get(user, '/analytics/tasks?days=7')).toEqual({
      ...period(7),
      created: 4, // the first two, the pending one, the cancelled one
      completed: 3,
      completion_rate: 50,
      on_time: 1,
      late: 1,
      on_time_rate: 50,
      average_hours_to_complete: 242.33, // (2 + 5 + 720) / 3
      estimated_hours: 4,
      actual_hours: 7,
      by_status: { pending: 1, in_progress: 0, blocked: 0, completed: 2, cancelled: 1 },
      by_priority: { 1: 2, 2: 0, 3: 0, 4: 0, 5: 1 },
      by_category: { a: 2, none: 1 },
    });
  });

  it('of goals counts created and completed goals, on time or late, with average durations', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const done = await newGoal(user, { status: 'completed', horizon: 'weekly', target_date: today });
    await newGoal(user, { status: 'completed', target_date: plusDays(today, -1) });
    await newGoal(user, { progress: 30 });
    await newGoal(user, { progress: 45.5 });
    await newGoal(user);
    const old = await newGoal(user, { status: 'completed' });
    const move = `UPDATE goals SET created_at = now() - $2 * interval '1 day', completed_at = now() - $3 * interval '1 day' WHERE id = $1`;
    await app.database.query(move, [done.id, 3, 0]);
    await app.database.query(move, [old.id, 60, 40]);
    expect(await get(user, '/analytics/goals')).toEqual({
      ...period(30),
      created: 5,
      completed: 2,
      completion_rate: 40,
      on_time: 1,
      late: 1,
      on_time_rate: 50,
      average_days_to_complete: 1.5, // 3 and 0
      active: 3,
      average_progress: 37.75,
      by_horizon: { yearly: 0, quarterly: 0, monthly: 0, weekly: 1, none: 1 },
    });
  });

  it('of velocity lists every day, the best day, and the trend between the two halves', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const perDay = [1, 0, 2, 0, 3, 3, 0]; // the first half has three days, the second four
    for (const [index, count] of perDay.entries()) {
      for (let n = 0; n < count; n++) await newCompletedTask(user, noonOf(plusDays(today, index - 6)));
    }
    await newCompletedTask(user, noonOf(plusDays(today, -7)));
    expect(await get(user, '/analytics/velocity?days=7')).toEqual({
      ...period(7),
      completed: 9,
      average_per_day: 1.29, // 9 / 7
      best_day: { date: plusDays(today, -1), completed: 3 },
      trend: {
        first_half: { days: 3, completed: 3, average_per_day: 1 },
        second_half: { days: 4, completed: 6, average_per_day: 1.5 },
        change: 50,
        direction: 'up',
      },
      per_day: perDay.map((completed, index) => ({ date: plusDays(today, index - 6), completed })),
    });
    expect(await get(user, '/analytics/velocity?days=1')).toMatchObject({
      completed: 0,
      best_day: null,
      trend: { first_half: { days: 0, average_per_day: 0 }, change: null, direction: 'steady' },
      per_day: [{ date: today, completed: 0 }],
    });
    expect(await get(user, '/analytics/velocity?days=2')).toMatchObject({
      trend: { change: -100, direction: 'down' },
    });
  });

  it('of trends lists every week from Monday', async () => {
    const user = await newUser(app, { timezone: noonZone });
    const lastMonday = plusDays(monday, -7);
    await newCompletedTask(user, noonOf(monday), 1);
    await newCompletedTask(user, noonOf(plusDays(monday, -1)), 48); // created on the Friday before
    await newCompletedTask(user, noonOf(lastMonday), 24); // created on the Sunday before
    const days = (Date.parse(today) - Date.parse(lastMonday)) / day + 1 + 3;
    expect(await get(user, `/analytics/trends?days=${days}`)).toEqual({
      ...period(days),
      per_week: [
        // The period begins on a Friday.
        { from: plusDays(lastMonday, -3), to: plusDays(lastMonday, -1), created: 1, completed: 0, growth: 1 },
        { from: lastMonday, to: plusDays(lastMonday, 6), created: 1, completed: 2, growth: -1 },
        { from: monday, to: today, created: 1, completed: 1, growth: 0 },
      ],
    });
  });

  it('use the real length of days on which the clocks change', async () => {
    const user = await newUser(app, { timezone: 'Europe/Berlin' });
    // The last Sundays of March and October, of 23 and of 25 hours: those whose Saturday is within 365 days.
    const isWithin = (sunday: string) => sunday < plusDays(today, -2) && sunday > plusDays(today, -363);
    const changeIn = (month: number) =>
      [0, 1]
        .map((years) => Date.UTC(new Date().getUTCFullYear() - years, month + 1, 0))
        .map((last) => date(last - new Date(last).getUTCDay() * day))
        .filter(isWithin);
    const [springs, autumns] = [changeIn(2), changeIn(9)];
    expect(springs.length + autumns.length).toBeGreaterThan(0);
    const expected: Record<string, number> = {};
    for (const spring of springs) {
      const [before, after] = [plusDays(spring, -1), plusDays(spring, 1)];
      Object.assign(expected, { [before]: 1, [spring]: 2, [after]: 1 });
      await newCompletedTask(user, `${before}T23:30:00+01:00`, 0);
      await newCompletedTask(user, `${spring}T00:30:00+01:00`, 0);
      await newCompletedTask(user, `${spring}T23:30:00+02:00`, 0);
      await newCompletedTask(user, `${after}T00:30:00+02:00`, 0);
    }
    for (const autumn of autumns) {
      const [before, after] = [plusDays(autumn, -1), plusDays(autumn, 1)];
      Object.assign(expected, { [before]: 1, [autumn]: 4, [after]: 1 });
      await newCompletedTask(user, `${before}T23:30:00+02:00`, 0);
      await newCompletedTask(user, `${autumn}T00:30:00+02:00`, 0);
      await newCompletedTask(user, `${autumn}T02:30:00+02:00`, 0);
      await newCompletedTask(user, `${autumn}T02:30:00+01:00`, 0);
      await newCompletedTask(user, `${autumn}T23:30:00+01:00`, 0);
      await newCompletedTask(user, `${after}T00:30:00+01:00`, 0);
    }
    const { per_day } = (await get(user, '/analytics/velocity?days=365')) as Json & {
      per_day: { date: string; completed: number }[];
    };
    expect([per_day.length, new Set(per_day.map((one) => one.date)).size]).toEqual([365, 365]);
    const counts = per_day.filter((one) => one.completed).map((one) => [one.date, one.completed]);
    expect(Object.fromEntries(counts)).toEqual(expected);
    const { per_week } = (await get(user, '/analytics/trends?days=365')) as Json & {
      per_week: { to: string }[];
    };
    for (const [sunday, count] of [...springs.map((one) => [one, 3]), ...autumns.map((one) => [one, 5])]) {
      expect(per_week.find(({ to }) => to === sunday)).toMatchObject({ created: count, completed: count });
    }
  });

  it('start a day at its first midnight when the clocks go back to midnight', async () => {
    // The first Sunday of November in Havana, the last one of October on the Azores: at one o'clock it is midnight again.
    const year = new Date().getUTCFullYear();
    const sundayFrom = (time: number) => date(time + ((7 - new Date(time).getUTCDay()) % 7) * day);
    const changes = [year, year - 1].flatMap((one) => [
      { timezone: 'America/Havana', sunday: sundayFrom(Date.UTC(one, 10, 1)), offsets: ['-04:00', '-05:00'] },
      {
        timezone: 'Atlantic/Azores',
        sunday: sundayFrom(Date.UTC(one, 9, 25)),
        offsets: ['+00:00', '-01:00'],
      },
    ]);
    const change = changes.find(
      ({ sunday }) => sunday < plusDays(today, -2) && sunday > plusDays(today, -360),
    );
    const { timezone, sunday, offsets } = change!;
    const user = await newUser(app, { timezone });
    const saturday = plusDays(sunday, -1);
    const [late, early] = [`${saturday}T23:30:00${offsets[0]}`, `${sunday}T00:30:00${offsets[0]}`];
    await newCompletedTask(user, late, 0, { due_date: late });
    await newCompletedTask(user, early, 0, { due_date: early });
    await newCompletedTask(user, `${sunday}T00:30:00${offsets[1]}`, 0);
    const there = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone }).format();
    const days = (from: string) => (Date.parse(there) - Date.parse(from)) / day + 1;
    const count = async (path: string) => ((await get(user, path)).items as object[]).length;
    expect(await get(user, `/analytics/velocity?days=${days(sunday)}`)).toMatchObject({
      from: sunday,
      completed: 2,
    });
    expect(await get(user, `/analytics/tasks?days=${days(saturday)}`)).toMatchObject({ completed: 3 });
    expect(await count(`/tasks?due_from=${sunday}`)).toBe(1);
    expect(await count(`/tasks?due_before=${sunday}`)).toBe(1);
  });

  it.each(['tasks', 'goals', 'velocity', 'trends'])(
    'of %s accept 1 to 365 days and no other parameter',
    async (name) => {
      const user = await newUser(app);
      for (const days of ['0', '366', '-1', '1.5', 'x', '', '1e2']) {
        const { body } = await user.api.get(`/analytics/${name}?days=${days}`).expect(422);
        expect((body as { errors: object[] }).errors).toMatchObject([{ field: 'days' }]);
      }
      await user.api.get(`/analytics/${name}?weeks=1`).expect(422);
      expect(await get(user, `/analytics/${name}?days=365`)).toMatchObject({ days: 365 });
      expect(await get(user, `/analytics/${name}`)).toMatchObject({ days: 30, timezone: 'UTC' });
      await app.api.get(`/analytics/${name}`).expect(401);
    },
  );
});
